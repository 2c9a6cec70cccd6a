import { WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { sessionAt, type Stores } from '../stores.ts'
import { loadSingle, mayBeSigned, type SessionName } from './session-store.ts'

/**
 * Gives a prepared session up: from here on nobody gets a signature for it, not even a request or a dialogue that is under way,
 * because what it makes is stored in the same document before anybody has it. Repeatable.
 *
 * @throws {WireError} `NOT_FOUND`; `SESSION_CONSUMED` for one that is signed
 *
 * Source: docs/spec/storage.md 6.5.
 */
export async function cancelSession(stores: Stores, asked: SessionName): Promise<void> {
  const { sessionId, keyId, owner } = await loadSingle(stores, asked)
  const at = sessionAt(sessionId)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(at)
    if (!doc) throw new WireError('NOT_FOUND')
    if (mayBeSigned(doc.data)) throw new WireError('SESSION_CONSUMED')
    if (doc.data.cancelled) return
    tx.update(at, { ...doc.data, cancelled: true }, { expireAt: doc.expireAt })
    note({ method: 'sign.cancel', owner, metadata: { sessionId } })
  })
}
