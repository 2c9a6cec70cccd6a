import { canonicalJson, type CommitteeSignature, WireError } from '@tandem/wire'
import { requireSameRequest, verifyCallerRequest } from '../request.ts'
import type { Node } from './node.ts'
import { requestAt, type RequestRecord } from './records.ts'
import type { Session } from './sessions.ts'

// What became of a request, so that the same one again is the same command. Source: docs/spec/committee.md 5.5.

/** After a request has expired nobody can ask it again. */
const MARGIN_MS = 60_000

/** @throws {WireError} `IDEMPOTENCY_MISMATCH` if the id was used for another request */
export async function readRequest(node: Node, { request }: Session): Promise<RequestRecord | undefined> {
  const found = (await node.store.get(requestAt(request)))?.data
  if (found) requireSameRequest(verifyCallerRequest(request, node.callers, node.now()), found.digest)
  return found
}

/**
 * This session is the one that acts on the request, here.
 *
 * @throws {WireError} `REQUEST_IN_PROGRESS` while another does; `SESSION_CONSUMED` if it has been acted on
 */
export async function claimRequest(node: Node, session: Session): Promise<void> {
  const { digest } = verifyCallerRequest(session.request, node.callers, node.now())
  await changeRequest(node, session, (found) => {
    if (found) requireSameRequest({ digest }, found.digest)
    if (found?.signature || found?.done) throw new WireError('SESSION_CONSUMED')
    const other = found?.session
    if (other && other !== session.id && node.sessions.running.has(other)) throw new WireError('REQUEST_IN_PROGRESS')
    return { digest, keyId: session.keyId, session: session.id, signature: null, done: false }
  })
}

/** Durable before anybody gets it. */
export async function answerRequest(node: Node, session: Session, signature: CommitteeSignature): Promise<void> {
  await changeRequest(node, session, (found) => known(found, { signature: canonicalJson(signature) }))
}

export async function finishRequest(node: Node, session: Session): Promise<void> {
  await changeRequest(node, session, (found) => known(found, { done: true }))
}

function known(found: RequestRecord | undefined, change: Partial<RequestRecord>): RequestRecord {
  if (!found) throw new WireError('SESSION_CONSUMED')
  return { ...found, ...change }
}

async function changeRequest(
  { store }: Node,
  { request }: Session,
  change: (found: RequestRecord | undefined) => RequestRecord,
): Promise<void> {
  const at = requestAt(request)
  await store.transaction(async (tx) => {
    const doc = await tx.get(at)
    const options = { expireAt: request.expiry * 1000 + MARGIN_MS }
    if (doc) tx.update(at, change(doc.data), options)
    else tx.create(at, change(undefined), options)
  })
}
