import { type MemberCompletion, toHex, WireError } from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import type { EpochRecord, ReleasedPart, SessionRecord } from '../records.ts'
import { rhoOf } from '../sign/session-store.ts'

/** After a failure the device takes other signers; more attempts at one session than this are none of a device's. */
const MAX_PARTS = 8

/** Our part that was made with this presignature, if it was released. */
export function partWith({ released }: SessionRecord, id: Uint8Array): ReleasedPart | undefined {
  return released?.find((part) => sameBytes(part.id, id))
}

/** @throws {WireError} `SESSION_CONSUMED` for one attempt too many */
export function checkRoom({ released }: SessionRecord): void {
  if ((released?.length ?? 0) >= MAX_PARTS) throw new WireError('SESSION_CONSUMED', 'too many attempts')
}

/** What is answered of a session: its signature, our part, or that it was counted. */
export function completionOf(
  session: SessionRecord,
  { publicKey, chainCode }: Pick<EpochRecord, 'publicKey' | 'chainCode'>,
  part: ReleasedPart | undefined,
): MemberCompletion {
  const digest = toHex(session.digest)
  if (session.signature) return { digest, signature: toHex(session.signature) }
  if (!part) return { digest }
  const { signers, nonce, share, epoch } = part
  const key = { publicKey: toHex(publicKey), chainCode: toHex(chainCode), epoch }
  const about = { path: [...session.path], rhoS: toHex(rhoOf(session)) }
  return { digest, released: { signers: [...signers], nonce: toHex(nonce), share: toHex(share), ...key, ...about } }
}
