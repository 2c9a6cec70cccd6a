import { Once, type PartyIndex, partyIndex, type SessionId, sessionId, UsageError } from '@tandem/rounds'
import { concat, le16, le32, split } from '../math/bytes.ts'

/** One party's part of a signature that lacks only its message. Two signatures from one would reveal the key. */
export type Presignature = {
  /** sid of the run that made it */
  readonly id: SessionId
  /** it dies with the epoch of the shares that made it */
  readonly epoch: number
  readonly signers: readonly PartyIndex[]
  /** X, 33 bytes */
  readonly publicKey: Uint8Array
  /** R before re-randomisation, 33 bytes */
  readonly R: Uint8Array
  readonly nonce: Once<NonceShare>
}

/** u_i, v_i, φ_i, 32 bytes each, big-endian. */
export type NonceShare = {
  readonly u: Uint8Array
  readonly v: Uint8Array
  readonly phi: Uint8Array
}

const VERSION = 1
const FIXED_BYTES = 1 + 32 + 4 + 2 + 33 + 33 + 3 * 32

/**
 * For sealed storage. It takes the nonce: from here on the bytes are the only copy.
 *
 *     offset   bytes  field
 *     0        1      version, always 1
 *     1        32     id
 *     33       4      epoch, little-endian
 *     37       2      t, little-endian
 *     39       2·t    signers, little-endian, ascending
 *     39 + 2t  33     X
 *     72 + 2t  33     R
 *     105 + 2t 96     u ‖ v ‖ φ
 *
 * @throws {UsageError} if the presignature is used already
 */
export function encodePresignature({ id, epoch, signers, publicKey, R, nonce }: Presignature): Uint8Array {
  const { u, v, phi } = nonce.take()
  const bytes = concat(
    Uint8Array.of(VERSION),
    id,
    le32(epoch),
    le16(signers.length),
    ...signers.map(le16),
    publicKey,
    R,
    u,
    v,
    phi,
  )
  for (const secret of [u, v, phi]) secret.fill(0)
  return bytes
}

/** The reverse of {@link encodePresignature}, again for one use. @throws {UsageError} for anything else */
export function decodePresignature(bytes: Uint8Array): Presignature {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.length < FIXED_BYTES ? 0 : view.getUint16(37, true)
  if (bytes[0] !== VERSION || bytes.length !== FIXED_BYTES + 2 * count) throw new UsageError('not a presignature')
  const signers = Array.from({ length: count }, (_, at) => partyIndex(view.getUint16(39 + 2 * at, true)))
  const rest = bytes.subarray(39 + 2 * count)
  const [publicKey, R, u, v, phi] = split(rest, 33, 33, 32, 32, 32)
  return {
    id: sessionId(bytes.slice(1, 33)),
    epoch: view.getUint32(33, true),
    signers,
    publicKey,
    R,
    nonce: new Once({ u, v, phi }),
  }
}
