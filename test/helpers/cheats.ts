import type { Rng } from '@tandem/rounds'
import type { BobLeaves } from '../../shared/ecdsa/src/multiply/pprf.ts'
import { treesOfBob } from './multiply.ts'
import { q, residue } from './reference/curve.ts'
import { bit, fromLE, range, TH } from './reference/hash.ts'
import { padOf } from './reference/ot-extension.ts'
import { type BobState, bobStart } from './reference/rvole.ts'

/**
 * Bob guesses which leaf of a tree Alice cannot know: a first message that passes her check if and only if he is right.
 * Either answer tells him something about the long-lived Δ. Attack 2 of the threat table, and the reason for the ban.
 */
export function guessingStart(
  leaves: BobLeaves,
  sid: Uint8Array,
  rng: Rng,
  { tree, guess }: { readonly tree: number; readonly guess: number },
): { r1: Uint8Array; state: BobState } {
  const cheat = { tree, guess, position: 0 }
  return bobStart(treesOfBob(leaves), sid, { nb: rng(32), xPrime: rng(68) }, cheat)
}

/**
 * Δ_tree, from an Alice who goes on after a failed check: at most 16 sessions, 8.5 on average.
 *
 * @param passes runs one session with a guess, and says whether Alice answered
 */
export function recoverPuncture(passes: (guess: number) => boolean): number {
  const hit = range(16).find(passes)
  if (hit === undefined) throw new Error('no guess passed')
  return hit
}

/** What Δ is good for: both inputs of Alice from one honest transcript, also from one recorded before Δ was known. */
export function inputsGivenDelta(
  { d1, x, columns }: BobState,
  r2: Uint8Array,
  punctured: readonly number[],
): readonly [bigint, bigint] {
  const delta = punctured.reduce((sum, y, tau) => sum | (BigInt(y) << BigInt(4 * tau)), 0n)
  const zero = columns[0]! ^ (bit(x, 0) * delta)
  const s2 = TH('rvole/s2', d1, r2.subarray(0, 32))
  const [alpha0, alpha1] = [padOf(s2, 0, zero), padOf(s2, 0, zero ^ delta)]
  const input = (i: 0 | 1) => residue(fromLE(r2.subarray(32 + 32 * i, 64 + 32 * i)) - alpha0[i] + alpha1[i], q)
  return [input(0), input(1)]
}
