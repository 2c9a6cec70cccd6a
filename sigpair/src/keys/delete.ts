import type { Transaction } from '@tandem/store'
import { type KeyDeleteRequest, toHex, WireError } from '@tandem/wire'
import { requireSigned } from './amend.ts'
import { audited } from '../audit/audit-outbox.ts'
import { readEventCursor, writeEvent } from '../events/events.ts'
import { readIntent, spendIntent } from './intent.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import type { KeyRecord, PairRecord } from '../records.ts'
import { epochSsid, keyAt, openStageAt, PAIRS, retirementAt, type Stores } from '../stores.ts'

type DeleteAsked = KeyDeleteRequest & { readonly keyId: string; readonly owner: string }

/** An epoch with anything of it left to erase. */
type Epoch = Pick<PairRecord, 'epoch' | 'ssid'>

const PAGE = 1000

/**
 * Erases a key in every epoch, by the word of its device, and leaves a tombstone: its id is refused for ever, its audit chain
 * stays. Once the tombstone is durable nothing is begun and nothing new is stored; when this resolves nothing signs. What a crash
 * leaves of the erasure, a repetition or the sweep finishes. Repeatable.
 *
 * @throws {WireError} `NOT_FOUND`, `KEY_PENDING`, `FORBIDDEN` for a bad intent
 *
 * Source: docs/spec/flows.md 14, storage.md 9.6.
 */
export async function deleteKey(
  stores: Stores,
  asked: DeleteAsked,
): Promise<{ readonly status: 'deleted'; readonly keyId: string }> {
  const keyId = asked.keyId.toLowerCase()
  await bury(stores, { ...asked, keyId }, await livingPairs(stores, keyId))
  await finishRetirements(stores, keyId)
  return { status: 'deleted', keyId }
}

async function bury(
  stores: Stores,
  { keyId, owner, body, intent }: DeleteAsked,
  pairs: readonly Epoch[],
): Promise<void> {
  await audited(stores, keyId, async (tx, note) => {
    const key = (await tx.get(keyAt(keyId)))?.data
    const unspent = await readIntent(tx, intent)
    const cursor = await readEventCursor(tx, keyId)
    if (!key || key.owner !== owner) throw new WireError('NOT_FOUND')
    if (key.status === 'DELETED') return
    if (!key.current) throw new WireError('KEY_PENDING')
    requireSigned({ intent, op: 'delete', body }, key, key.current)
    const dead = await notYetNoted(tx, keyId, [key.current, ...(key.stage ? [key.stage.held] : []), ...pairs])

    const now = stores.now()
    spendIntent(tx, unspent, now)
    tx.update(keyAt(keyId), tombstoneOf(key))
    tx.delete(openStageAt(keyId))
    noteRetirements(tx, keyId, dead)
    const { epoch, publicKey } = key.current
    note({ method: 'key.delete', owner, metadata: { epoch } })
    const told = { keyId, owner, epoch, status: 'DELETED' as const, publicKey: toHex(publicKey) }
    writeEvent(tx, cursor, { type: 'key.deleted', ...told }, now)
  })
}

/** Also of epochs that the key's record, restored from a copy, does not know. */
async function livingPairs({ presignatures }: Stores, keyId: string): Promise<Epoch[]> {
  const { docs } = await presignatures.list<PairRecord>(PAIRS, { prefix: `${keyId}:`, limit: PAGE })
  const living = docs.filter(({ data }) => data.status !== 'RETIRED')
  return living.map(({ data: { epoch, ssid } }) => ({ epoch, ssid: epochSsid(ssid) }))
}

/** Each once, and none that waits for its erasure already. */
async function notYetNoted(tx: Transaction, keyId: string, epochs: readonly Epoch[]): Promise<Epoch[]> {
  const distinct = [...new Map(epochs.map((epoch) => [toHex(epoch.ssid), epoch])).values()]
  const noted = await Promise.all(distinct.map(({ ssid }) => tx.get(retirementAt({ keyId, ssid }))))
  return distinct.filter((_, i) => noted[i] === undefined)
}

/** Whose it was stays: the owner may read the log, and nobody else learns that there was a key. */
function tombstoneOf(key: KeyRecord): KeyRecord {
  return {
    ...key,
    status: 'DELETED',
    ...{ current: null, begun: null, stage: null, opened: null, restore: null },
    recoveryKey: { current: null, pending: null },
    exports: [],
    repairs: [],
    uses: key.uses + 1,
  }
}
