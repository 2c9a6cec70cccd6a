import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { Rng } from '@tandem/rounds'
import type { Sha2 } from '../../shared/ecdsa/src/math/hash.ts'
import {
  type AliceLeaves,
  type BobLeaves,
  openAlice,
  openBob,
  pprfReceive,
  pprfSend,
} from '../../shared/ecdsa/src/multiply/pprf.ts'
import type { AliceSeeds, BobSeeds } from '../../shared/ecdsa/src/share.ts'
import type { Leaves } from './reference/pprf.ts'

export const sha2: Sha2 = { sha256, sha512 }

/** One direction, set up over ideal base OTs. */
export type Direction = {
  readonly pd: Uint8Array
  readonly choices: Uint8Array
  readonly bobKeys: Uint8Array
  readonly aliceKeys: Uint8Array
  readonly message: Uint8Array
  readonly bobSeeds: BobSeeds
  readonly aliceSeeds: AliceSeeds
  readonly bob: BobLeaves
  readonly alice: AliceLeaves
}

export function dealDirection(rng: Rng): Direction {
  const pd = rng(32)
  const base = dealBaseOts(rng)
  const { message, seeds: bobSeeds } = pprfSend(sha2, pd, base.bobKeys)
  const aliceSeeds = pprfReceive(sha2, pd, base.choices, base.aliceKeys, message)
  if (aliceSeeds === undefined) throw new Error('an honest setup failed')
  const opened = { bob: openBob(sha2, pd, bobSeeds), alice: openAlice(sha2, pd, aliceSeeds) }
  return { pd, ...base, message, bobSeeds, aliceSeeds, ...opened }
}

/** 128 base OTs as a trusted party deals them: choice bits, then both keys of each. */
export function dealBaseOts(rng: Rng): Pick<Direction, 'choices' | 'bobKeys' | 'aliceKeys'> {
  const choices = rng(16)
  const pairs = Array.from({ length: 128 }, () => [rng(16), rng(16)] as const)
  const chosen = pairs.map((pair, i) => pair[bitOf(choices, i)])
  return {
    choices,
    bobKeys: Uint8Array.from(Buffer.concat(pairs.flat())),
    aliceKeys: Uint8Array.from(Buffer.concat(chosen)),
  }
}

/** Bit p of a row. */
export function bitOf(bytes: Uint8Array, p: number): 0 | 1 {
  return ((bytes[p >>> 3]! >>> (p & 7)) & 1) as 0 | 1
}

/** A copy with bit p turned over. */
export function flipBit(bytes: Uint8Array, p: number): Uint8Array {
  const out = Uint8Array.from(bytes)
  out[p >>> 3]! ^= 1 << (p & 7)
  return out
}

/** Bob's leaves as the reference holds them. */
export function treesOfBob({ leaves }: BobLeaves): Leaves {
  return Array.from({ length: 32 }, (_, tau) => Array.from({ length: 16 }, (_, y) => seedAt(leaves, tau, y)))
}

/** Alice's leaves as the reference holds them: in order of y, undefined where she has none. */
export function treesOfAlice({ leaves, punctured }: AliceLeaves): Leaves {
  return Array.from(punctured, (hole, tau) =>
    Array.from({ length: 16 }, (_, y) => (y === hole ? undefined : seedAt(leaves, tau, y ^ hole))),
  )
}

function seedAt(leaves: Uint8Array, tau: number, place: number): Uint8Array {
  return leaves.slice(16 * (16 * tau + place), 16 * (16 * tau + place + 1))
}
