import { fromHex, toHex, utf8 } from '@tandem/wire'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import type { NodeName } from './network.ts'
import type { NodeIdentity } from './node-identity.ts'

/**
 * What one node says, signed by it and bound to its place.
 *
 *     offset  bytes  field
 *     0       1      version, always 1
 *     1       1      kind: 1 broadcast, 2 message to one peer
 *     2       32     sender, Ed25519
 *     34      32     receiver, Ed25519; zeros in a broadcast
 *     66      32     place: SHA-256 of the topic, or what the receiver drew for this stream
 *     98      8      sequence, big-endian
 *     106     64     Ed25519 of the sender over label ‖ bytes 0…105 ‖ payload
 *     170     rest   payload
 *
 * Source: docs/spec/committee.md, 2.2.
 */
export type Envelope = {
  readonly kind: 'broadcast' | 'message'
  readonly from: NodeName
  /** undefined in a broadcast */
  readonly to: NodeName | undefined
  /** 32 bytes */
  readonly place: Uint8Array
  readonly sequence: bigint
  readonly payload: Uint8Array
}

export const ENVELOPE_BYTES = 170

const VERSION = 1
const KINDS = { broadcast: 1, message: 2 } as const
const LABEL = utf8('tandem/committee-envelope/v1\n')
const SIGNED_BYTES = 106

/** Names nothing of what came: whoever sent it may have wanted it in a log. */
export class EnvelopeRefused extends Error {
  override readonly name = 'EnvelopeRefused'
}

export function sealEnvelope(identity: NodeIdentity, envelope: Omit<Envelope, 'from'>): Uint8Array {
  const { kind, to, place, sequence, payload } = envelope
  const out = new Uint8Array(ENVELOPE_BYTES + payload.length)
  out[0] = VERSION
  out[1] = KINDS[kind]
  out.set(identity.publicKey, 2)
  if (to !== undefined) out.set(fromHex(to), 34)
  out.set(place, 66)
  new DataView(out.buffer).setBigUint64(98, sequence)
  out.set(payload, ENVELOPE_BYTES)
  out.set(identity.sign(signedPart(out)), SIGNED_BYTES)
  return out
}

/** What an envelope must be to be read. */
export type Expected = Pick<Envelope, 'kind' | 'to' | 'place'> & {
  /** of the pinned peers, by name */
  readonly from: (name: NodeName) => boolean
}

/**
 * Its sequence is the caller's to judge.
 *
 * @throws {EnvelopeRefused} unless all is as expected and its sender has signed it
 */
export function openEnvelope(bytes: Uint8Array, expected: Expected): Envelope {
  if (bytes.length < ENVELOPE_BYTES || bytes[0] !== VERSION) throw new EnvelopeRefused('not an envelope')
  if (bytes[1] !== KINDS[expected.kind]) throw new EnvelopeRefused('an envelope of another kind')
  const publicKey = bytes.slice(2, 34)
  const from = toHex(publicKey)
  if (!expected.from(from)) throw new EnvelopeRefused('the sender is not pinned, or not who sent it')
  const to = expected.to === undefined ? new Uint8Array(32) : fromHex(expected.to)
  if (!equal(bytes.subarray(34, 66), to)) throw new EnvelopeRefused('for another receiver')
  if (!equal(bytes.subarray(66, 98), expected.place)) throw new EnvelopeRefused('for another topic or stream')
  const signature = bytes.subarray(SIGNED_BYTES, ENVELOPE_BYTES)
  if (!verifyEd25519(publicKey, signedPart(bytes), signature)) throw new EnvelopeRefused('not signed by its sender')
  return {
    kind: expected.kind,
    from,
    to: expected.to,
    place: expected.place,
    sequence: new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(98),
    payload: bytes.slice(ENVELOPE_BYTES),
  }
}

function signedPart(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([LABEL, bytes.subarray(0, SIGNED_BYTES), bytes.subarray(ENVELOPE_BYTES)])
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
