import { callerRequest, type CallerRequest, type CommitteeKey, WireError } from '@tandem/wire'
import type { Committee } from '../committee.ts'
import type { NodeName } from '../network.ts'
import { verifyCallerRequest } from '../request.ts'
import { openBreath } from './breath.ts'
import { hearAnswer } from './coordinate.ts'
import type { CommitteeDeps } from './deps.ts'
import { hearEvidence } from './evidence.ts'
import { askAround, hearAcknowledgement, hearAsk, hearCertificate, hearCertified } from './handover.ts'
import { hearKeyDelete, hearKeyDeleted, keyDelete } from './key-delete.ts'
import { keyGen, keyGenPart } from './key-gen.ts'
import { keyRefresh, keyRefreshPart } from './key-refresh.ts'
import { keyReshare, keyResharePart } from './key-reshare.ts'
import { keySign, keySignPart } from './key-sign.ts'
import { decode, type Note, type NoteOf } from './messages.ts'
import type { Node } from './node.ts'
import { endSession, hearPrepare, hearStart, type Parts } from './participate.ts'
import { openPost } from './post.ts'
import { openSessions } from './sessions.ts'
import { statusOf } from './status.ts'
import { recover, sweepEvery } from './sweep.ts'
import { openTurns } from './turns.ts'

const PARTS: Parts = {
  keyGen: keyGenPart,
  keySign: keySignPart,
  keyRefresh: keyRefreshPart,
  keyReshare: keyResharePart,
}

/** Keys that are made or change at a time, of those this node is asked for: more would only make each other late. */
const MAX_CHANGES = 4

/**
 * A node of a committee, from here on: it answers its peers, and its callers through what this returns. `close` leaves the
 * network and the store to whoever opened them.
 *
 * @throws {StoreError} `UNAVAILABLE`
 */
export async function openCommittee(deps: CommitteeDeps): Promise<Committee> {
  const node = createNode(deps)
  await recover(node)
  const { network } = deps
  const deafens = [
    network.onBroadcast((from, payload) => hear(node, from, payload)),
    network.onMessage((from, payload) => hear(node, from, payload)),
  ]
  await askAround(node, 'everything')
  const stopSweeping = sweepEvery(node)
  const turn = openTurns(MAX_CHANGES)
  const change = async <R extends CallerRequest>(
    request: R,
    act: (node: Node, request: R) => Promise<CommitteeKey>,
  ): Promise<CommitteeKey> => {
    await admitted(node, request)
    return turn(async () => act(node, await admitted(node, request)))
  }
  return {
    keyGen: async (request) => change(request, keyGen),
    keySign: async (request) => keySign(node, await admitted(node, request)),
    keyRefresh: async (request) => change(request, keyRefresh),
    keyReshare: async (request) => change(request, keyReshare),
    keyDelete: async (request) => keyDelete(node, await admitted(node, request)),
    status: async () => statusOf(node),
    async close() {
      for (const deafen of deafens) deafen()
      await stopSweeping()
      node.closing.abort()
      for (const id of node.sessions.running.keys()) node.sessions.end(id)
      await Promise.allSettled(node.busy)
    },
  }
}

function createNode(deps: CommitteeDeps): Node {
  const { network, store, sealer, now } = deps
  const node: Node = {
    ...deps,
    self: network.self,
    post: openPost(network, (from, note) => answer(node, from, note)),
    sessions: openSessions(now),
    breathe: openBreath(),
    calls: new Map(),
    faults: [],
    stores: { parties: store, presignatures: store, sealer, now },
    watchers: new Set(),
    receipts: new Map(),
    acknowledged: new Map(),
    disputes: new Map(),
    sweeps: new Map(),
    busy: new Set(),
    closing: new AbortController(),
  }
  return node
}

/** Of the documented form, of a pinned caller, and within this node's policy. @throws {WireError} */
async function admitted<R extends CallerRequest>(node: Node, request: R): Promise<R> {
  const { success } = callerRequest.safeParse(request)
  if (!success) throw new WireError('VALIDATION_FAILED')
  verifyCallerRequest(request, node.callers, node.now())
  await node.policy(request)
  return request
}

function hear(node: Node, from: NodeName, payload: Uint8Array): void {
  try {
    const incoming = decode(payload)
    if (incoming.kind === 'note') return answer(node, from, incoming.note)
    const { session, signed } = incoming
    node.sessions.running.get(session)?.inbox.deliver(from, signed)
  } catch {
    node.log.debug({ event: 'committee.malformed', from })
  }
}

/** What fails here fails nobody else. */
function answer(node: Node, from: NodeName, note: Note): void {
  if (node.closing.signal.aborted) return
  const heard = act(node, from, note)
    .catch((cause: unknown) => {
      if (!node.closing.signal.aborted) node.log.warn({ event: 'committee.unheard', from, type: note.type, cause })
    })
    .finally(() => node.busy.delete(heard))
  node.busy.add(heard)
}

async function act(node: Node, from: NodeName, note: Note): Promise<void> {
  if (isPrepare(note)) return hearPrepare(node, PARTS, from, note)
  if ('plan' in note) return hearStart(node, PARTS, from, note)
  if (note.type === 'abort') return hearAbort(node, from, note)
  if (note.type === 'keyDelete') return hearKeyDelete(node, from, note)
  if (note.type === 'keyDeleted') return hearKeyDeleted(node, from, note)
  if (note.type === 'certificate') return hearCertificate(node, from, note.certificate)
  if (note.type === 'certified') return hearCertified(node, from, note)
  if (note.type === 'ask') return hearAsk(node, from, note)
  if (note.type === 'evidence') return hearEvidence(node, note)
  if (note.type === 'acknowledgement') return hearAcknowledgement(node, from, note)
  return hearAnswer(node, from, note)
}

function isPrepare(note: Note): note is Extract<Note, { request: CallerRequest; sessionId: string }> {
  return 'request' in note && 'sessionId' in note
}

/** Only who has opened a session ends it. */
async function hearAbort(node: Node, from: NodeName, { sessionId }: NoteOf<'abort'>): Promise<void> {
  const session = node.sessions.running.get(sessionId)
  if (session?.coordinator !== from) return
  if (session.progress.started) session.cancel.abort()
  else await endSession(node, session)
}
