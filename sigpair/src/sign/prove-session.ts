import { WireError } from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import { sessionAt, type Stores } from '../stores.ts'
import { loadSession, type SessionName } from './session-store.ts'

/**
 * Takes the backend's word that the user has proven the second factor for this session; a policy may ask for it. It stays
 * proven, so a signature that fails costs the user no second code. Repeatable.
 *
 * @throws {WireError} `NOT_FOUND`
 *
 * Source: docs/spec/policy.md, section 6.
 */
export async function proveSession(stores: Stores, asked: SessionName): Promise<void> {
  const { sessionId, keyId, owner } = await loadSession(stores, asked)
  const at = sessionAt(sessionId)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(at)
    if (!doc) throw new WireError('NOT_FOUND')
    if (doc.data.proven) return
    tx.update(at, { ...doc.data, proven: true }, { expireAt: doc.expireAt })
    note({ method: 'sign.prove', owner, metadata: { sessionId } })
  })
}
