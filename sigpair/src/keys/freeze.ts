import type { KeyStatus } from '@tandem/wire'
import { keyInForce } from './amend.ts'
import { writeAudit } from '../audit/audit.ts'
import { readKey } from './key-status.ts'
import { poison } from './pair-store.ts'
import type { Stores } from '../stores.ts'

/**
 * The owner stops the key as a failed check would: its setup is erased and only a repair brings it back. Needs no device, which
 * may be in a thief's hands. Repeatable.
 *
 * @returns FROZEN, or STALE where there is no pair left to erase
 * @throws {WireError} as `keyInForce`
 *
 * Source: docs/spec/flows.md 13, abort.md 3, storage.md 9.5.
 */
export async function freeze(
  stores: Stores,
  { keyId, owner }: { readonly keyId: string; readonly owner: string },
): Promise<KeyStatus> {
  const { key, current, status } = await keyInForce(stores, keyId, owner)
  if (status === 'FROZEN') return status
  // Who asked; the line of what happened is in the transaction of the poison.
  await writeAudit(stores, key.keyId, { method: 'key.freeze', owner, metadata: { epoch: current.epoch, was: status } })
  await poison(stores, { keyId: key.keyId, ssid: current.ssid })
  return (await readKey(stores, key.keyId))?.status ?? 'STALE'
}
