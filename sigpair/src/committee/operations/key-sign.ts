import { derive, encodeSignature, sign } from '@tandem/ecdsa'
import { sessionId as toSessionId } from '@tandem/rounds'
import { type CommitteeSignature, committeeSignature, fromHex, type SignPayload, toHex, WireError } from '@tandem/wire'
import { digestOf } from '../../sign/digest.ts'
import type { RequestOf } from '../committee.ts'
import type { NodeName } from '../network.ts'
import { catchUp } from './catch-up.ts'
import {
  type Answer,
  type Call,
  coordinate,
  type Decision,
  errorOf,
  type Hour,
  type Play,
  readyOf,
} from './coordinate.ts'
import { blame } from './blame.ts'
import { attemptOf, readKey, requireCurrent } from './keys.ts'
import type { Ready } from './messages.ts'
import { HEARSAY, type Misgivings, preferred, RunFailed, suspect } from './misgivings.ts'
import type { Node } from './node.ts'
import type { Part } from './participate.ts'
import { chooseQuorum } from './quorum.ts'
import { keyOf, type ShareRecord } from './records.ts'
import { answerRequest, claimRequest, readRequest } from './requests.ts'
import { runIn } from './run-session.ts'
import { activePeers, eraseSigningKey, indexOf, openSigningKey } from './shares.ts'

type Request = RequestOf<'keySign'>

const NO_RHO = new Uint8Array(32)

/** A chain of accounts carries no other recovery id. */
const RANGE = 'evm' as const

/** Source: docs/spec/committee.md 5.2. */
export const keySignPart: Part = {
  async prepare(node, session) {
    const record = await readKey(node, session.keyId)
    const current = requireCurrent(record)
    committeeDigest((session.request as Request).params.payload)
    const ready = { attempt: attemptOf(record), ssid: toHex(current.ssid) }
    const known = (await readRequest(node, session))?.signature
    if (known) return { ...ready, signature: committeeSignature.parse(JSON.parse(known)) }
    return { ...ready, pairs: [...(await activePeers(node, session.keyId, current))] }
  },

  async run(node, session, { participants, ssid }) {
    const current = requireCurrent(await readKey(node, session.keyId))
    if (toHex(current.ssid) !== ssid) throw new WireError('EPOCH_MISMATCH')
    const { params } = session.request as Request
    const { members } = keyOf(current)
    if (!participants.every((name) => members.includes(name))) throw new WireError('FORBIDDEN', 'participants')
    const signers = participants.map((name) => indexOf(members, name))
    await claimRequest(node, session)

    const key = await openSigningKey(node, session.keyId, current, signers)
    const message = { digest: committeeDigest(params.payload), path: params.path ?? [], rhoS: NO_RHO, rhoD: NO_RHO }
    const sigid = toSessionId(fromHex(session.id))
    const protocol = sign({ sigid, signers, message, assembler: 'all', range: RANGE }, key, node.arithmetic)
    const answer = (bytes: Uint8Array): CommitteeSignature => ({
      ...{ keyId: session.keyId, digest: toHex(message.digest), signature: toHex(bytes), signers: [...participants] },
    })
    try {
      const store = (bytes: Uint8Array) => answerRequest(node, session, answer(bytes))
      return answer(
        encodeSignature(
          await runIn(node, session, protocol, { places: members, ssid: current.ssid, sharing: key.share, store }),
        ),
      )
    } catch (error) {
      const pairs = { current: current.ssid, checked: current.ssid }
      await blame(node, session, error, { places: members, ...pairs, signers: participants })
      throw error
    } finally {
      eraseSigningKey(key)
    }
  },
}

/** Each node computes what it signs. */
export function committeeDigest(payload: SignPayload): Uint8Array {
  return payload.kind === 'digest' ? fromHex(payload.digest) : digestOf(payload)
}

/** Runs until somebody who spoilt one is not in the next; each is bounded, and there are few. */
const MAX_RUNS = 4

export async function keySign(node: Node, request: Request): Promise<CommitteeSignature> {
  const { keyId } = request.params
  const misgivings: Misgivings = { avoided: new Set(), doubted: new Map() }
  for (let run = 1; ; run++) {
    const current = requireCurrent(await readKey(node, keyId))
    try {
      return await coordinate(node, playOf(node, request, current, misgivings))
    } catch (error) {
      if (!(error instanceof RunFailed)) throw error
      const { failure, from } = error
      suspect(misgivings, error, node.self)
      const hopeless = failure.code === 'PROTOCOL_ABORTED' || (from === node.self && !HEARSAY.has(failure.code))
      if (run >= MAX_RUNS || hopeless) throw errorOf(failure)
      const { avoided, doubted } = misgivings
      const because = { code: failure.code, avoided: [...avoided], doubted: [...doubted.keys()] }
      node.log.info({ event: 'committee.again', keyId, run, ...because })
    }
  }
}

function playOf(node: Node, request: Request, current: ShareRecord, misgivings: Misgivings): Play<CommitteeSignature> {
  const { members } = keyOf(current)
  let signers: readonly NodeName[] = []
  return {
    request,
    limitMs: 4 * node.timing.roundMs,
    decide(answers, hour) {
      const decision = decide({ node, request, current, misgivings }, answers, hour)
      if (decision?.kind === 'plan') signers = decision.plan.participants
      return decision
    },
    outcome: (call) => outcome(node, request, current, { call, members, signers }),
  }
}

type Signing = {
  readonly node: Node
  readonly request: Request
  readonly current: ShareRecord
  readonly misgivings: Misgivings
}

function decide(
  { node, request, current, misgivings }: Signing,
  answers: ReadonlyMap<NodeName, Answer>,
  hour: Hour,
): Decision<CommitteeSignature> | undefined {
  const { members, threshold } = keyOf(current)
  const own = answers.get(node.self)
  if (own?.kind === 'refused') throw new WireError(own.code, own.details || undefined)
  const ready = new Map([...readyOf(answers)].filter(([name]) => members.includes(name)))
  for (const { signature } of ready.values()) {
    if (signature && isSignature(node, request, current, signature)) return { kind: 'answer', answer: signature }
  }
  const ssid = ready.get(node.self)?.ssid
  if (!ssid) return undefined
  const agreeing = new Map([...ready].filter(([, one]) => one.ssid === ssid))
  const best = preferred(agreeing, misgivings, { wanted: request.params.signers, hour })
  const choose = (among: ReadonlyMap<NodeName, Ready>) => chooseQuorum(members, threshold, among, node.self)
  // Who was silent once is asked again before nobody signs.
  const signers = choose(best) ?? (hour === 'last' ? choose(agreeing) : undefined)
  if (signers) return { kind: 'plan', plan: { participants: signers, attempt: 0, ssid } }
  if (agreeing.size < ready.size && hour !== 'last') return catchUp(node, request.params.keyId)
  if (hour === 'last') throw tooFew(answers, members)
  return undefined
}

/** Why there is no quorum: what most say, if anybody says something. */
function tooFew(answers: ReadonlyMap<NodeName, Answer>, members: readonly NodeName[]): WireError {
  const refusals = members.flatMap((name) => {
    const answer = answers.get(name)
    return answer?.kind === 'refused' ? [answer] : []
  })
  const [first] = refusals
  const most = refusals.toSorted((a, b) => weight(b.code) - weight(a.code))[0] ?? first
  return most
    ? new WireError(most.code, most.details || undefined)
    : new WireError('UNAVAILABLE', 'fewer than t nodes answer')
  function weight(code: string): number {
    return refusals.filter((one) => one.code === code).length
  }
}

function outcome(
  node: Node,
  request: Request,
  current: ShareRecord,
  { call, members, signers }: Record<'members' | 'signers', readonly NodeName[]> & { readonly call: Call },
): CommitteeSignature | undefined {
  for (const [name, said] of call.outcomes) {
    const signature = said.type === 'done' && members.includes(name) ? said.signature : undefined
    if (signature && isSignature(node, request, current, signature)) return signature
  }
  const failure = failureIn(node, call, signers)
  if (failure) throw failure
  return undefined
}

/** Of who was silent our own run knows best: a peer may accuse whom it likes. */
function failureIn(node: Node, call: Call, signers: readonly NodeName[]): RunFailed | undefined {
  const own = call.outcomes.get(node.self)
  if (own?.type === 'failed') return new RunFailed(own, node.self, signers)
  const signs = own !== undefined || node.sessions.running.get(call.id)?.progress.started === true
  for (const [name, said] of call.outcomes) {
    if (said.type === 'failed' && !(signs && HEARSAY.has(said.code))) return new RunFailed(said, name, signers)
  }
  return undefined
}

/** Nobody's word: verified under our own record of the key, over our own digest. */
function isSignature(
  node: Node,
  { params }: Request,
  current: ShareRecord,
  { signature }: CommitteeSignature,
): boolean {
  const { backend } = node.arithmetic
  const { publicKey, chainCode } = keyOf(current)
  const extended = { publicKey: fromHex(publicKey), chainCode: fromHex(chainCode) }
  const child = derive(backend, extended, params.path ?? [])
  const bytes = fromHex(signature)
  const digest = committeeDigest(params.payload)
  const recovered = backend.recover(bytes.subarray(0, 64), bytes[64] ?? 4, digest) ?? new Uint8Array()
  return (
    backend.verify(bytes.subarray(0, 64), digest, child.publicKey) && Buffer.compare(recovered, child.publicKey) === 0
  )
}
