import type { KeyId } from '@tandem/rounds'
import { le32 } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import type { KeyShare } from '../share.ts'

/** What a commit receipt signs: this stage of this key is in force. 32 bytes. Source: docs/spec/flows.md 3.6. */
export function commitStatement(
  sha: Sha2,
  about: { readonly keyId: KeyId; readonly stageId: Uint8Array; readonly epoch: number; readonly conf: Uint8Array },
): Uint8Array {
  return TH(sha, 'rf/committed', about.keyId, about.stageId, le32(about.epoch), about.conf)
}

/** What an abort receipt signs: this stage of this key will never be in force. 32 bytes. Source: docs/spec/refresh.md 3.4. */
export function abortStatement(sha: Sha2, about: { readonly keyId: KeyId; readonly stageId: Uint8Array }): Uint8Array {
  return TH(sha, 'rf/aborted', about.keyId, about.stageId)
}

/**
 * What a status signs: which epoch is in force now, and which stage is open beside it. Unlike the receipts it ages, and
 * nothing is erased on it. 32 bytes. Source: docs/spec/refresh.md 3.5.
 */
export function statusStatement(
  sha: Sha2,
  about: Pick<KeyShare, 'keyId' | 'epoch' | 'ssid'> & { readonly staged: Uint8Array | null },
): Uint8Array {
  return TH(sha, 'rf/status', about.keyId, le32(about.epoch), about.ssid, about.staged ?? new Uint8Array())
}
