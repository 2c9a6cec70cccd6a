import { type Backend, checkSignature, decodeSignature, derive } from '@tandem/ecdsa'
import { ProtocolAbort } from '@tandem/rounds'
import { fromHex, type KeepSignatureRequest, type KeepSignaturesRequest, WireError } from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import type { EpochRecord, SessionRecord } from '../records.ts'
import { batchAt, checkOpen, loadSessions } from '../sign/batch-records.ts'
import { storeAll } from '../sign/batch-sign.ts'
import { storeSignature } from '../sign/session-store.ts'
import { keyAt, sessionAt, type Stores } from '../stores.ts'

/**
 * Keeps the signature that others have added up, once it verifies here too. Repeatable; the first one stays.
 *
 * @throws {WireError} `NOT_FOUND`; `MPC_SIGNING_FAILED` for what is no signature of this session; `SESSION_CONSUMED` for one that
 *         was cancelled
 *
 * Source: docs/spec/gateway.md 4.5.
 */
export async function keepSignature(
  stores: Stores,
  backend: Backend,
  { keyId, sessionId, signature }: KeepSignatureRequest & { readonly sessionId: string },
): Promise<void> {
  const session = (await stores.parties.get(sessionAt(sessionId)))?.data
  const isSingle = session?.keyId === keyId.toLowerCase() && session.batchId === undefined
  if (!session || !isSingle) throw new WireError('NOT_FOUND')
  const bytes = fromHex(signature)
  requireSigned(backend, await keyOf(stores, keyId), session, bytes)
  await storeSignature(stores, sessionId, bytes)
}

/** The same for a batch: all of its signatures, or none. */
export async function keepSignatures(
  stores: Stores,
  backend: Backend,
  { keyId, batchId, sessions: given }: KeepSignaturesRequest & { readonly batchId: string },
): Promise<void> {
  const batch = (await stores.parties.get(batchAt(batchId)))?.data
  if (batch?.keyId !== keyId.toLowerCase()) throw new WireError('NOT_FOUND')
  checkOpen(batch)
  const key = await keyOf(stores, keyId)
  const sessions = await loadSessions(stores, batch)
  const named = sessions.length === given.length && sessions.every((one, i) => one.sessionId === given[i]?.sessionId)
  if (!named) throw new WireError('VALIDATION_FAILED', 'sessions: not those of the batch')
  const signatures = given.map(({ signature }) => fromHex(signature))
  for (const [i, session] of sessions.entries()) requireSigned(backend, key, session, signatures[i] ?? new Uint8Array())
  await storeAll(stores, batch, signatures)
}

type Key = Pick<EpochRecord, 'publicKey' | 'chainCode'>

async function keyOf({ parties }: Stores, keyId: string): Promise<Key> {
  const current = (await parties.get(keyAt(keyId)))?.data.current
  if (!current) throw new WireError('NOT_FOUND')
  return current
}

/** Under our own record of the key, over the digest we computed ourselves. */
function requireSigned(backend: Backend, key: Key, session: SessionRecord, bytes: Uint8Array): void {
  if (session.signature && sameBytes(session.signature, bytes)) return
  const { publicKey } = derive(backend, key, session.path)
  const signature = decodeSignature(bytes)
  if (!signature) throw new WireError('MPC_SIGNING_FAILED', 'no signature')
  try {
    checkSignature(backend, { digest: session.digest, publicKey }, signature, 'evm') // check S28
  } catch (cause) {
    if (!(cause instanceof ProtocolAbort)) throw cause
    throw new WireError('MPC_SIGNING_FAILED', 'no signature', { cause })
  }
}
