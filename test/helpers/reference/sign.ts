import { createHash } from 'node:crypto'
import { type AffinePoint, compressed, decompressed, G, inverse, plus, q, residue, times } from './curve.ts'

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

export function hash(label: string, ...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(preimage(label, parts)).digest()
}

export function hashToScalar(label: string, ...parts: readonly Uint8Array[]): bigint {
  return number(createHash('sha512').update(preimage(label, parts)).digest().subarray(0, 48)) % q
}

/** Everything of rounds 1 and 2 that does not depend on the multiplication. */
export function referenceRounds({ ssid, epoch, mode, sigid, bind, parties }: ReferenceRun) {
  const indices = parties.map(({ index }) => little(index, 2))
  const fixed = [ssid, little(epoch, 4), Buffer.of(mode), sigid, little(parties.length, 2)]
  const sid = hash('sign/sid', ...fixed, ...indices, bind)

  const Rs = parties.map(({ r }) => compressed(times(r, G)))
  const commitments = parties.map(({ salt }, at) => hash('sign/com', sid, indices[at]!, salt, Rs[at]!))
  const echo1 = hash('sign/echo1', sid, ...commitments.flatMap((com, at) => [indices[at]!, com]))

  const sks = parties.map(({ index, share, zeroSeeds }) => {
    const zeta = (peer: number, seed: Uint8Array) => (index < peer ? 1n : -1n) * hashToScalar('zero', sid, seed)
    return [...zeroSeeds].reduce((sk, [peer, seed]) => residue(sk + zeta(peer, seed), q), share)
  })
  const pks = sks.map((sk) => compressed(times(sk, G)))
  const R = compressed(sum(Rs.map(decompressed)))
  const echo2 = hash('sign/echo2', sid, ...Rs.flatMap((encoded, at) => [indices[at]!, encoded, pks[at]!]), R)

  const k = total(parties.map(({ r }) => r))
  const phi = total(parties.map((party) => party.phi))
  return { sid, commitments, echo1, Rs, pks, R, echo2, k, phi, x: total(sks) }
}

/** The signature that everybody's honest parts come to. */
export function referenceSignature(run: ReturnType<typeof referenceRounds>, message: ReferenceMessage) {
  const { digest, path, rhoS, rhoD } = message
  const child = referenceChild(message)
  const steps = Buffer.concat(path.map(big))
  const delta = hashToScalar('sign/delta', run.sid, run.R, child.publicKey, digest, steps, rhoS, rhoD)
  const k = residue(run.k + delta, q)
  const moved = times(k, G)!

  const r = moved.x % q
  const s = residue((number(digest) + r * (run.x + child.epsilon)) * inverse(k, q), q)
  const recovery = Number(moved.y % 2n) + (moved.x >= q ? 2 : 0)
  const low = s <= (q - 1n) / 2n
  const compact = Buffer.concat([bytes32(r), bytes32(low ? s : q - s)])
  return { publicKey: child.publicKey, signature: { compact, recovery: low ? recovery : recovery ^ 1 } }
}

function referenceChild({ publicKey, chainCode, path }: ReferenceMessage) {
  let [K, code, epsilon]: [Uint8Array, Uint8Array, bigint] = [publicKey, chainCode, 0n]
  for (const index of path) {
    const I = hmacSha512(code, Buffer.concat([K, big(index)]))
    const left = number(I.subarray(0, 32))
    K = compressed(plus(decompressed(K), times(left, G)))
    epsilon = residue(epsilon + left, q)
    code = I.subarray(32)
  }
  return { publicKey: K, epsilon }
}

/** RFC 2104 by hand, for keys up to a block. */
function hmacSha512(key: Uint8Array, data: Uint8Array): Buffer {
  const padded = Buffer.alloc(128)
  padded.set(key)
  const sha512 = (...parts: Uint8Array[]) => createHash('sha512').update(Buffer.concat(parts)).digest()
  const pad = (byte: number) => padded.map((b) => b ^ byte)
  return sha512(pad(0x5c), sha512(pad(0x36), data))
}

function preimage(label: string, parts: readonly Uint8Array[]): Buffer {
  const name = Buffer.from(`MPCW-DKLS23-SECP256K1-V1/${label}`)
  const fields = parts.flatMap((part) => [little(part.length, 4), part])
  return Buffer.concat([little(name.length, 4), name, little(parts.length, 4), ...fields])
}

function sum(points: readonly AffinePoint[]): AffinePoint {
  return points.reduce(plus, undefined)
}

function total(scalars: readonly bigint[]): bigint {
  return residue(
    scalars.reduce((a, b) => a + b, 0n),
    q,
  )
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function bytes32(x: bigint): Buffer {
  return Buffer.from(x.toString(16).padStart(64, '0'), 'hex')
}

function little(value: number, size: 2 | 4): Buffer {
  const out = Buffer.alloc(size)
  out.writeUIntLE(value, 0, size)
  return out
}

function big(index: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(index)
  return out
}
