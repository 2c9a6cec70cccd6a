import type { Backend } from '@tandem/ecdsa'
import { fromHex, type KeyRecoveryKeyRequest, type RecoveryKeyResponse, WireError } from '@tandem/wire'
import { amendKey } from './amend.ts'
import { enrolledRecoveryKey } from './key-status.ts'
import type { Stores } from '../stores.ts'

/**
 * Changes the recovery key, after the delay of a loosened policy: whoever has the device must not be able to take the
 * backups over before the owner has seen it. Naming the key in force takes a change that waits back. Repeatable.
 *
 * @throws {WireError} as `amendKey`, `VALIDATION_FAILED` unless it is a point
 *
 * Source: docs/spec/flows.md 10.1, backup.md 3.
 */
export async function changeRecoveryKey(
  stores: Stores,
  { backend, delayMs }: { readonly backend: Backend; readonly delayMs: number },
  { keyId, owner, body, intent }: KeyRecoveryKeyRequest & { readonly keyId: string; readonly owner: string },
): Promise<RecoveryKeyResponse> {
  const encryptionKey = requireRecoveryKey(backend, body.encryptionKey)
  const signed = { intent, op: 'recovery-key' as const, body }
  const asked = { keyId, owner, method: 'key.recovery-key' as const, signed }
  const notBefore = await amendKey(stores, asked, ({ key, now }) => {
    const { pending } = key.recoveryKey
    if (pending?.encryptionKey === encryptionKey) return { answer: { at: pending.notBefore } }
    const inForce = enrolledRecoveryKey(key, now)
    const at = inForce === null || inForce === encryptionKey ? now : now + delayMs
    if (inForce === encryptionKey && !pending) return { answer: { at } }
    const next =
      at === now
        ? { current: encryptionKey, pending: null }
        : { current: inForce, pending: { encryptionKey, notBefore: at } }
    return { answer: { at }, change: { recoveryKey: next }, metadata: { encryptionKey, waits: at > now } }
  })
  return { encryptionKey, notBefore: Math.ceil(notBefore.at / 1000) }
}

/** @returns it in the form it is kept in. @throws {WireError} `VALIDATION_FAILED` unless it is a point */
export function requireRecoveryKey(backend: Backend, encryptionKey: string): string {
  try {
    backend.decode(fromHex(encryptionKey))
    return encryptionKey.toLowerCase()
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'encryptionKey: not a point', { cause })
  }
}
