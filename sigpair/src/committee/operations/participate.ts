import { setImmediate } from 'node:timers/promises'
import { ProtocolAbort } from '@tandem/rounds'
import { callerRequest, type CommitteeSignature, WireError } from '@tandem/wire'
import type { NodeName } from '../network.ts'
import { verifyCallerRequest } from '../request.ts'
import { endPending, readKey } from './keys.ts'
import type { Note, Operation, Plan, Ready } from './messages.ts'
import type { Node } from './node.ts'
import type { Session } from './sessions.ts'

/** What a node does in one operation, whoever coordinates it. */
export type Part = {
  /** @throws {WireError} to refuse */
  readonly prepare: (node: Node, session: Session) => Promise<Ready>
  /** @throws {ProtocolAbort} after the verdict was acted on; {WireError} for a plan that is not what the request says */
  readonly run: (node: Node, session: Session, plan: Plan) => Promise<CommitteeSignature | undefined>
}

export type Parts = { readonly [O in Operation]: Part }

/** Verifies the caller's request by itself, and answers. A repetition is answered again, as things are now. */
export async function hearPrepare(
  node: Node,
  parts: Parts,
  from: NodeName,
  { sessionId, request }: Extract<Note, { request: unknown; sessionId: string }>,
): Promise<void> {
  const known = node.sessions.running.has(sessionId)
  const session = node.sessions.open({ id: sessionId, request, coordinator: from })
  if (!session || session.progress.started) return
  if (!known) forgetUnstarted(node, session)
  try {
    await requireAllowed(node, session)
    const ready = await parts[session.operation].prepare(node, session)
    // Who has called it off in the meantime is owed nothing.
    if (session.cancel.signal.aborted) return await endSession(node, session)
    node.post.tell(from, { type: `${session.operation}Ready`, sessionId, ready })
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    node.sessions.forget(sessionId)
    node.log.info({ event: 'committee.refused', sessionId, keyId: session.keyId, code: error.code })
    const { code, details = '' } = error
    node.post.tell(from, { type: 'refused', sessionId, code, details: details.slice(0, 256) })
    if (code === 'KEY_DELETED') await tellDeletion(node, from, session.keyId)
  }
}

async function requireAllowed(node: Node, { request }: Session): Promise<void> {
  verifyCallerRequest(request, node.callers, node.now())
  await node.policy(request)
}

async function tellDeletion(node: Node, to: NodeName, keyId: string): Promise<void> {
  const deletion = (await readKey(node, keyId))?.deletion
  if (!deletion) return
  node.post.tell(to, { type: 'keyDelete', request: callerRequest.parse(JSON.parse(deletion.request)) })
}

/** A coordinator that is gone leaves nothing behind. */
function forgetUnstarted(node: Node, session: Session): void {
  const timer = setTimeout(() => {
    if (session.progress.started) return
    endSession(node, session).catch((cause: unknown) => node.log.warn({ event: 'committee.unended', cause }))
  }, 2 * node.timing.readyMs)
  timer.unref()
  session.cancel.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
}

export async function endSession(node: Node, { id, operation, keyId }: Session): Promise<void> {
  node.sessions.end(id)
  if (operation === 'keyGen') await endPending(node, keyId, id)
}

/** Once for each session, and only from who prepared it. */
export async function hearStart(
  node: Node,
  parts: Parts,
  from: NodeName,
  { sessionId, plan }: Extract<Note, { plan: Plan }>,
): Promise<void> {
  const session = node.sessions.running.get(sessionId)
  if (!session || session.coordinator !== from) return
  if (!plan.participants.includes(node.self)) return endSession(node, session)
  node.post.tell(from, { type: 'started', sessionId })
  if (session.progress.started) return
  session.progress.started = true
  // Who has just said `started` is heard before the arithmetic begins.
  await setImmediate()
  node.post.tell(from, await outcomeOf(node, parts, session, plan))
  await endSession(node, session)
}

async function outcomeOf(node: Node, parts: Parts, session: Session, plan: Plan): Promise<Note> {
  const { id: sessionId, operation, keyId } = session
  const began = node.now()
  try {
    // Policy and expiry are judged again: minutes may lie between.
    await requireAllowed(node, session)
    const signature = await parts[operation].run(node, session, plan)
    node.log.info({ event: 'committee.done', sessionId, keyId, operation, ms: node.now() - began })
    return signature ? { type: 'done', sessionId, signature } : { type: 'done', sessionId }
  } catch (error) {
    const { code, round, silent } = failureOf(error, session)
    node.log.warn({ event: 'committee.failed', sessionId, keyId, operation, code, round, silent, cause: error })
    return { type: 'failed', sessionId, code, round, silent }
  }
}

/** Of a failed check a peer learns nothing but that the run was aborted. */
function failureOf(error: unknown, { progress: { places } }: Session) {
  if (error instanceof WireError) return { code: error.code, round: 0, silent: [] }
  if (!(error instanceof ProtocolAbort)) return { code: 'INTERNAL', round: 0, silent: [] }
  const { code, round, culprits, verdict } = error
  if (verdict !== 'retry') return { code: 'PROTOCOL_ABORTED', round, silent: [] }
  // Who cannot be understood is as good as silent.
  const mute = code === 'SILENT_PEER' || code === 'MALFORMED'
  const silent = mute ? culprits.flatMap((place) => places[place - 1] ?? []) : []
  return { code, round, silent }
}
