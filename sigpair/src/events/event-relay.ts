import { type Doc, type Ref, ref } from '@tandem/store'
import { type KeyStatus, toHex } from '@tandem/wire'
import { PAIR_EVENTS, type PairEventRecord, readEventCursor, writeEvent } from './events.ts'
import { type KeyView, readKey } from '../keys/key-status.ts'
import type { Stores } from '../stores.ts'

/** parties/relayed-events/{id of the note}: so that a crash before the note is erased tells nothing twice. */
const relayedAt = (note: string): Ref => ref('relayed-events', note)

/** A note outlives its event only by a crash; whoever lists next erases it. */
const REMEMBERED_MS = 7 * 24 * 3_600_000

const MAX_RELAYED = 100

const STOPPED: ReadonlySet<KeyStatus> = new Set(['FROZEN', 'SUSPENDED', 'STALE'])

/**
 * Turns notes of the database `presignatures` into events of `parties`. A pair that stopped without its key being stopped,
 * because the key moved on or was never committed, is no event.
 *
 * Source: docs/spec/events.md 2.4.
 */
export async function relayPairEvents(stores: Stores): Promise<void> {
  const { docs } = await stores.presignatures.list<PairEventRecord>(PAIR_EVENTS, { limit: MAX_RELAYED })
  for (const note of docs) {
    const view = await readKey(stores, note.data.keyId)
    if (view && STOPPED.has(view.status)) await relay(stores, note, view)
    await stores.presignatures.delete(ref(PAIR_EVENTS, note.id))
  }
}

async function relay({ parties, now }: Stores, note: Doc<PairEventRecord>, { key, status }: KeyView): Promise<void> {
  const { current, keyId, owner } = key
  if (!current) return
  const { epoch, publicKey } = current
  await parties.transaction(async (tx) => {
    const relayed = await tx.get(relayedAt(note.id))
    const cursor = await readEventCursor(tx, keyId)
    if (relayed) return
    tx.create(relayedAt(note.id), {}, { expireAt: now() + REMEMBERED_MS })
    writeEvent(tx, cursor, { type: 'key.frozen', keyId, owner, epoch, status, publicKey: toHex(publicKey) }, now())
  })
}
