import { sha512 } from '@noble/hashes/sha2.js'
import { type AffinePoint, compressed, decompressed, G, inverse, plus, q, residue, times } from './curve.ts'
import { BE, concat, H2S, LE, TH } from './hash.ts'

/** Signing as docs/spec/sign.md writes it, all parties at once and without the multiplication: sums are known here. */

export type ReferenceParty = {
  readonly index: number
  /** s_i */
  readonly share: bigint
  /** z_ij by peer */
  readonly zeroSeeds: ReadonlyMap<number, Uint8Array>
  readonly r: bigint
  readonly phi: bigint
  readonly salt: Uint8Array
}

export type ReferenceRun = {
  readonly ssid: Uint8Array
  readonly epoch: number
  readonly mode: 0 | 1
  readonly sigid: Uint8Array
  readonly bind: Uint8Array
  readonly parties: readonly ReferenceParty[]
}

export type ReferenceMessage = {
  readonly publicKey: Uint8Array
  readonly chainCode: Uint8Array
  readonly digest: Uint8Array
  readonly path: readonly number[]
  readonly rhoS: Uint8Array
  readonly rhoD: Uint8Array
}

/** Everything of rounds 1 and 2 that does not depend on the multiplication. */
export function referenceRounds({ ssid, epoch, mode, sigid, bind, parties }: ReferenceRun) {
  const indices = parties.map(({ index }) => LE(index, 2))
  const fixed = [ssid, LE(epoch, 4), Uint8Array.of(mode), sigid, LE(parties.length, 2)]
  const sid = TH('sign/sid', ...fixed, ...indices, bind)

  const Rs = parties.map(({ r }) => compressed(times(r, G)))
  const commitments = parties.map(({ salt }, at) => TH('sign/com', sid, indices[at]!, salt, Rs[at]!))
  const echo1 = TH('sign/echo1', sid, ...commitments.flatMap((com, at) => [indices[at]!, com]))

  const sks = parties.map(({ index, share, zeroSeeds }) => {
    const zeta = (peer: number, seed: Uint8Array) => (index < peer ? 1n : -1n) * H2S('zero', sid, seed)
    return [...zeroSeeds].reduce((sk, [peer, seed]) => residue(sk + zeta(peer, seed), q), share)
  })
  const pks = sks.map((sk) => compressed(times(sk, G)))
  const R = compressed(sum(Rs.map(decompressed)))
  const echo2 = TH('sign/echo2', sid, ...Rs.flatMap((encoded, at) => [indices[at]!, encoded, pks[at]!]), R)

  const k = total(parties.map(({ r }) => r))
  const phi = total(parties.map((party) => party.phi))
  return { sid, commitments, echo1, Rs, pks, R, echo2, k, phi, x: total(sks) }
}

/** The signature that everybody's honest parts come to. */
export function referenceSignature(run: ReturnType<typeof referenceRounds>, message: ReferenceMessage) {
  const { digest, path, rhoS, rhoD } = message
  const child = referenceChild(message)
  const steps = concat(...path.map(big))
  const delta = H2S('sign/delta', run.sid, run.R, child.publicKey, digest, steps, rhoS, rhoD)
  const k = residue(run.k + delta, q)
  const moved = times(k, G)!

  const r = moved.x % q
  const s = residue((BE(digest) + r * (run.x + child.epsilon)) * inverse(k, q), q)
  const recovery = Number(moved.y % 2n) + (moved.x >= q ? 2 : 0)
  const low = s <= (q - 1n) / 2n
  const compact = concat(bytes32(r), bytes32(low ? s : q - s))
  return { publicKey: child.publicKey, signature: { compact, recovery: low ? recovery : recovery ^ 1 } }
}

function referenceChild({ publicKey, chainCode, path }: ReferenceMessage) {
  let [K, code, epsilon]: [Uint8Array, Uint8Array, bigint] = [publicKey, chainCode, 0n]
  for (const index of path) {
    const I = hmacSha512(code, concat(K, big(index)))
    const left = BE(I.subarray(0, 32))
    K = compressed(plus(decompressed(K), times(left, G)))
    epsilon = residue(epsilon + left, q)
    code = I.subarray(32)
  }
  return { publicKey: K, epsilon }
}

/** RFC 2104 by hand, for keys up to a block. */
function hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array {
  const padded = concat(key, new Uint8Array(128 - key.length))
  const pad = (byte: number) => padded.map((b) => b ^ byte)
  return sha512(concat(pad(0x5c), sha512(concat(pad(0x36), data))))
}

function sum(points: readonly AffinePoint[]): AffinePoint {
  return points.reduce(plus, undefined)
}

function total(scalars: readonly bigint[]): bigint {
  return scalars.reduce((a, b) => residue(a + b, q), 0n)
}

function bytes32(x: bigint): Uint8Array {
  return LE(x, 32).reverse()
}

function big(index: number): Uint8Array {
  return LE(index, 4).reverse()
}
