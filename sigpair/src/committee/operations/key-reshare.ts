import {
  attestationMessage,
  type AttestedKey,
  type KeyPin,
  type KeyStatement,
  placesOf,
  reshare,
  type ReshareSetup,
  statementOf,
} from '@tandem/ecdsa'
import { keyId as toKeyId, type PartyIndex, partyIndex, sessionId as toSessionId } from '@tandem/rounds'
import { type CommitteeKey, fromHex, toHex, WireError } from '@tandem/wire'
import { erase } from '../../compute/erase.ts'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import type { RequestOf } from '../committee.ts'
import type { NodeName } from '../network.ts'
import { catchUp } from './catch-up.ts'
import { type Answer, coordinate, type Decision, type Play, readyOf, throwRefusal } from './coordinate.ts'
import { orderOf, readOrder } from './handover.ts'
import { stagedLimit, stagedOutcome } from './key-gen.ts'
import { changing, requireAlone } from './key-refresh.ts'
import { attemptOf, readKey, requireCurrent, requireNext } from './keys.ts'
import type { Plan, Ready, StatementFields } from './messages.ts'
import type { Node } from './node.ts'
import type { Part } from './participate.ts'
import { emptyKey, type KeyRecord, keyOf, type ShareRecord } from './records.ts'
import { claimRequest, finishRequest, readRequest } from './requests.ts'
import type { Session } from './sessions.ts'
import { indexOf, openShare } from './shares.ts'
import { mapped, runStaged } from './staged-run.ts'

type Request = RequestOf<'keyReshare'>
type Attested = NonNullable<Plan['attested']>

/** New members and threshold, same key. Source: docs/spec/committee.md 5.4. */
export const keyResharePart: Part = {
  async prepare(node, session) {
    const { members, threshold } = (session.request as Request).params
    if (threshold > members.length) throw new WireError('VALIDATION_FAILED', 'threshold')
    const record = await readKey(node, session.keyId)
    if (record?.status === 'DELETED') throw new WireError('KEY_DELETED')
    if (record?.current) return holding(node, session, record, record.current)
    if (!members.includes(node.self)) throw new WireError('NOT_FOUND', 'keyId')
    await readRequest(node, session).then((found) => {
      if (found?.done) throw new WireError('SESSION_CONSUMED')
    })
    requireAlone(node, session)
    return { attempt: attemptOf(record) }
  },

  async run(node, session, plan) {
    const request = session.request as Request
    const { members } = request.params
    const record = (await readKey(node, session.keyId)) ?? emptyKey(session.keyId)
    if (record.status === 'DELETED') throw new WireError('KEY_DELETED')
    const stageId = fromHex(session.id)
    requireNext(record, { attempt: plan.attempt, stageId })
    requireAlone(node, session)
    await claimRequest(node, session)
    const setup = await setupOf(node, session, record, plan)
    const places = placesOf(setup).map(toHex)
    if (places.join() !== plan.participants.join()) throw new WireError('FORBIDDEN', 'participants')
    const staging = { protocol: 'reshare' as const, attempt: plan.attempt, stageId, order: request, members }
    const deps = { ...node.arithmetic, sign: node.identity.sign }
    const protocol = mapped(reshare(setup, deps), (out) => (out.role === 'joins' ? out.result : null))
    const concerned = [...new Set([...members, ...setup.pin.identities.map(toHex)])]
    const of = { staging, places, current: record.current?.ssid, concerned }
    await runStaged(node, session, protocol, of).finally(() => erase(setup.share?.secret ?? new Uint8Array()))
    await finishRequest(node, session)
    return undefined
  },
}

/** What a member has, signed: those who join know nothing else of the key. */
async function holding(node: Node, session: Session, record: KeyRecord, current: ShareRecord): Promise<Ready> {
  const ready = await changing(node, session, record, current)
  if (ready.key) return ready
  const share = await openShare(node, session.keyId, current)
  try {
    const statement = statementOf(share)
    const attestation = node.identity.sign(attestationMessage(node.arithmetic.backend, statement, share.self))
    const held = { statement: writeStatement(statement), attestation: toHex(attestation), order: orderOf(current) }
    return { ...ready, held }
  } finally {
    erase(share.secret)
  }
}

async function setupOf(node: Node, session: Session, record: KeyRecord, plan: Plan): Promise<ReshareSetup> {
  const { members, threshold } = (session.request as Request).params
  const { attested, dealers } = plan
  if (!attested || !dealers) throw new WireError('FORBIDDEN', 'plan')
  const key = readAttested(attested)
  const pin = await pinOf(node, session, record, attested)
  const deals = dealers.some((index) => toHex(pin.identities[index - 1] ?? new Uint8Array()) === node.self)
  const current = record.current
  return {
    stageId: fromHex(session.id),
    attested: key,
    pin,
    dealers: dealers.map(partyIndex),
    next: { threshold, identities: members.map(fromHex) },
    share: deals && current ? await openShare(node, session.keyId, current) : null,
    self: members.includes(node.self) ? indexOf(members, node.self) : null,
  }
}

/**
 * Our own record; without one, the committee that the caller has ordered, whose members attest the rest: of t signatures one is
 * honest.
 */
async function pinOf(node: Node, session: Session, record: KeyRecord, { statement, order }: Attested): Promise<KeyPin> {
  if (record.current) {
    const share = await openShare(node, session.keyId, record.current)
    erase(share.secret)
    return statementOf(share)
  }
  const { members, threshold } = readOrder(node, session.keyId, order)
  const { keyId, publicKey } = readStatement(statement)
  return { keyId, publicKey, threshold, identities: members.map(fromHex) }
}

export async function keyReshare(node: Node, request: Request): Promise<CommitteeKey> {
  const { keyId, members, threshold } = request.params
  if (threshold > members.length) throw new WireError('VALIDATION_FAILED', 'threshold')
  const before = requireCurrent(await readKey(node, keyId))
  const outcome = await coordinate(node, playOf(node, request, keyOf(before)))
  if (outcome !== 'ready') return outcome
  const record = await readKey(node, keyId)
  return record?.current ? keyOf(record.current) : leftKey(before, record, request)
}

/** This node is a member no more: the key as the certificate it has seen makes it. */
function leftKey(before: ShareRecord, record: KeyRecord | undefined, { params }: Request): CommitteeKey {
  const stageId = record?.certified?.stageId
  if (!stageId) throw new WireError('UNAVAILABLE')
  const { members, threshold } = params
  return { ...keyOf(before), keySessionId: toHex(stageId), epoch: 0, members, threshold }
}

type Outcome = 'ready' | CommitteeKey

function playOf(node: Node, request: Request, before: CommitteeKey): Play<Outcome> {
  const { members } = request.params
  return {
    request,
    limitMs: stagedLimit(node),
    decide(answers, hour) {
      throwRefusal(answers, [...members, node.self], hour)
      const ready = readyOf(answers)
      const own = ready.get(node.self)
      if (own?.key) return { kind: 'answer', answer: own.key }
      if (!own?.held || members.some((name) => !ready.has(name))) return undefined
      const plan = planOf(node, answers, members, own)
      if (plan) return plan
      if (hour === 'last') throw new WireError('UNAVAILABLE', 'fewer than t members answer')
      const behind = before.members.some((name) => ready.get(name)?.ssid !== own.ssid && ready.has(name))
      return behind ? catchUp(node, before.keyId) : undefined
    },
    outcome: (call) => stagedOutcome(node, call),
  }
}

/** Dealers: ourselves, then who stays, then who leaves. */
function planOf(
  node: Node,
  answers: ReadonlyMap<NodeName, Answer>,
  members: readonly NodeName[],
  own: Ready,
): Decision<Outcome> | undefined {
  const { statement, order } = own.held!
  const ready = readyOf(answers)
  const old = statement.identities
  const attesting = old.flatMap((name, at) => {
    const held = ready.get(name)?.held
    const index = partyIndex(at + 1)
    return held && attests(node, statement, { name, index, attestation: held.attestation })
      ? [{ name, index, held }]
      : []
  })
  const rank = (name: NodeName) => (name === node.self ? 0 : members.includes(name) ? 1 : 2)
  const dealing = attesting.toSorted((a, b) => rank(a.name) - rank(b.name)).slice(0, statement.threshold)
  if (dealing.length < statement.threshold) return undefined
  const dealers = dealing.toSorted((a, b) => a.index - b.index)
  const leaving = dealers.map(({ name }) => name).filter((name) => !members.includes(name))
  const attempt = Math.max(...[...ready.values()].map((one) => one.attempt)) + 1
  const attestations = dealers.map(({ index, held }) => ({ index, signature: held.attestation }))
  return {
    kind: 'plan',
    plan: {
      ...{ participants: [...members, ...leaving], attempt, dealers: dealers.map(({ index }) => index) },
      attested: { statement, attestations, order },
    },
  }
}

type Attester = { readonly name: NodeName; readonly index: PartyIndex; readonly attestation: string }

/** Our own statement, by somebody else: who holds other shares signs another. */
function attests({ arithmetic }: Node, statement: StatementFields, { name, index, attestation }: Attester): boolean {
  const message = attestationMessage(arithmetic.backend, readStatement(statement), index)
  return verifyEd25519(fromHex(name), message, fromHex(attestation))
}

function writeStatement({
  keyId,
  ssid,
  publicKey,
  publicShares,
  chainCode,
  identities,
  ...rest
}: KeyStatement): StatementFields {
  const { epoch, threshold } = rest
  return {
    ...{ keyId: toHex(keyId), ssid: toHex(ssid), epoch, threshold, publicKey: toHex(publicKey) },
    ...{ publicShares: publicShares.map(toHex), chainCode: toHex(chainCode), identities: identities.map(toHex) },
  }
}

function readStatement({ keyId, ssid, epoch, threshold, publicKey, ...rest }: StatementFields): KeyStatement {
  return {
    ...{ keyId: toKeyId(fromHex(keyId)), ssid: toSessionId(fromHex(ssid)), epoch, threshold },
    ...{ publicKey: fromHex(publicKey), publicShares: rest.publicShares.map(fromHex) },
    ...{ chainCode: fromHex(rest.chainCode), identities: rest.identities.map(fromHex) },
  }
}

function readAttested({ statement, attestations }: Attested): AttestedKey {
  return {
    statement: readStatement(statement),
    attestations: new Map(attestations.map(({ index, signature }) => [partyIndex(index), fromHex(signature)])),
  }
}
