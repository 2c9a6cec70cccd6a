import {
  ackMessage,
  certifyHandover,
  checkCertificate,
  checkHandover,
  fateOfHandover,
  type HandoverName,
  handoverStatement,
  owesCertificate,
} from '@tandem/ecdsa'
import { keyId as toKeyId, type PartyIndex, UsageError } from '@tandem/rounds'
import { type CallerRequest, callerRequest, canonicalJson, fromHex, toHex, WireError } from '@tandem/wire'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import type { NodeName } from '../network.ts'
import { verifyCallerRequest } from '../request.ts'
import { until } from './coordinate.ts'
import { allKeys, certify, isSameHandover, readKey } from './keys.ts'
import type { CertificateFields, HandoverFields, NoteOf } from './messages.ts'
import type { Node } from './node.ts'
import { repeat } from './post.ts'
import { handoverOf, keyOf, type KeyRecord, nameOf, type ShareRecord } from './records.ts'

// How every member comes to know which shares are in force. Source: docs/spec/committee.md, section 7.

/** A committee as the caller ordered it. */
export type Order = {
  readonly request: CallerRequest
  readonly members: readonly NodeName[]
  readonly threshold: number
}

/** @throws {WireError} `FORBIDDEN` unless a pinned caller has ordered this committee of this key, whenever that was */
export function readOrder({ callers }: Pick<Node, 'callers'>, keyId: string, request: CallerRequest): Order {
  verifyCallerRequest(request, callers, request.expiry * 1000 - 1)
  if (request.method !== 'keyGen' && request.method !== 'keyReshare') throw new WireError('FORBIDDEN', 'order')
  const { members, threshold } = request.params
  if (request.params.keyId.toLowerCase() !== keyId.toLowerCase()) throw new WireError('FORBIDDEN', 'order')
  return { request, members, threshold }
}

export function orderOf({ order }: Pick<ShareRecord, 'order'>): CallerRequest {
  return callerRequest.parse(JSON.parse(order))
}

/** Everybody has acknowledged: it is in force here, and everybody is told. */
export async function adopt(node: Node, keyId: string, share: ShareRecord, acks: readonly Uint8Array[]): Promise<void> {
  const { protocol, epoch, conf } = share
  await certify(node, {
    ...{ keyId: keyId.toLowerCase(), ...nameOf(share), protocol, epoch, conf: toHex(conf) },
    ...{ acks: acks.map(toHex), order: orderOf(share) },
  })
  await tellCertificate(node, keyId)
}

/** Tells them the certificate again and again, until each has acknowledged it. In the background. */
export function spread(node: Node, keyId: string, name: HandoverName, names: readonly NodeName[]): void {
  const place = acknowledgedPlace(keyId, nameOf(name))
  const acknowledged = new Set([node.self])
  node.acknowledged.set(place, acknowledged)
  const stop = new AbortController()
  const say = () => {
    if (names.every((one) => acknowledged.has(one))) stop.abort()
    else void tellCertificate(node, keyId).catch(() => {})
  }
  const { repeatMs: everyMs, readyMs: ms } = node.timing
  const signal = AbortSignal.any([stop.signal, node.closing.signal])
  void repeat(say, { everyMs, ms, signal }).then(() => node.acknowledged.delete(place))
}

export function hearCertified(node: Node, from: NodeName, note: NoteOf<'certified'>): void {
  node.acknowledged.get(acknowledgedPlace(note.keyId, note))?.add(from)
}

/** Whether the run is in force here before `ms` are over or `signal` is aborted, whoever brings the certificate. */
export async function certifiedWithin(
  node: Node,
  keyId: string,
  name: HandoverName,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<boolean> {
  let certified = false
  const wake = new Set<() => void>()
  const look = async () => {
    const record = await readKey(node, keyId)
    certified = record !== undefined && fateOfHandover(record, name) === 'certified'
    for (const one of wake) one()
  }
  const watch = (changed: string) => void (changed === keyId.toLowerCase() && look().catch(() => {}))
  const stop = () => {
    for (const one of wake) one()
  }
  node.watchers.add(watch)
  signal.addEventListener('abort', stop)
  try {
    await look()
    await until(node, { wake }, ms, () => (certified || signal.aborted ? true : undefined))
    return certified
  } finally {
    node.watchers.delete(watch)
    signal.removeEventListener('abort', stop)
  }
}

/** To one, or to everybody; with our receipt, if we are one of the committee it is about. */
export async function tellCertificate(node: Node, keyId: string, to?: NodeName): Promise<void> {
  const record = await readKey(node, keyId)
  if (!record?.certificate) return
  const certificate = JSON.parse(record.certificate) as CertificateFields
  const inForce = record.current !== null && isSameHandover(record.current, handoverOf(certificate))
  const receipt = inForce ? { receipt: toHex(node.identity.sign(claimOf(node, certificate))) } : {}
  const note = { type: 'certificate', certificate: { ...certificate, ...receipt } } as const
  if (to === undefined) node.post.broadcast(note)
  else node.post.tell(to, note)
}

function claimOf({ arithmetic }: Node, { keyId, stageId, epoch, conf }: CertificateFields): Uint8Array {
  const claim = { keyId: toKeyId(fromHex(keyId)), stageId: fromHex(stageId), epoch, conf: fromHex(conf) }
  return handoverStatement(arithmetic.backend, claim)
}

/** Whoever brought it. What does not hold is dropped. */
export async function hearCertificate(node: Node, from: NodeName, certificate: CertificateFields): Promise<void> {
  const record = await readKey(node, certificate.keyId)
  if (!record || record.status === 'DELETED') return
  const name = handoverOf(certificate)
  if (certifyHandover(record, name).key !== record) {
    if (!holds(node, record, from, certificate)) return
    await certify(node, certificate)
    await tellCertificate(node, certificate.keyId)
  }
  node.post.tell(from, { type: 'certified', keyId: certificate.keyId, ...nameOf(name) })
}

/** Under the conf of our own stage, or else of t′ members of the committee that the caller ordered. */
function holds(node: Node, record: KeyRecord, from: NodeName, certificate: CertificateFields): boolean {
  const { backend } = node.arithmetic
  const { protocol, acks } = certificate
  try {
    const staged = record.stages.find((stage) => isSameHandover(stage, handoverOf(certificate)))
    if (staged) {
      const identities = keyOf(staged).members.map(fromHex)
      checkCertificate(backend, { protocol: staged.protocol, conf: staged.conf, identities }, acks.map(fromHex))
      return true
    }
    const order = readOrder(node, record.keyId, certificate.order)
    const identities = order.members.map(fromHex)
    const conf = fromHex(certificate.conf)
    checkCertificate(backend, { protocol, conf, identities }, acks.map(fromHex))
    const receipts = receiptsWith(node, from, certificate, order)
    const claim = { keyId: toKeyId(fromHex(certificate.keyId)), stageId: fromHex(certificate.stageId) }
    const about = { ...claim, epoch: certificate.epoch, conf }
    checkHandover(backend, about, { threshold: order.threshold, identities }, receipts)
    return true
  } catch (error) {
    if (error instanceof UsageError || error instanceof WireError) return false
    throw error
  }
}

/** All that have come for this stage, this one included; one a member. */
function receiptsWith(node: Node, from: NodeName, certificate: CertificateFields, { members }: Order) {
  const { keyId, stageId, conf, receipt } = certificate
  const place = `${keyId.toLowerCase()} ${stageId} ${conf}`
  const known = node.receipts.get(place) ?? new Map<PartyIndex, Uint8Array>()
  const index = (members.indexOf(from) + 1) as PartyIndex
  if (receipt && index > 0 && verifyEd25519(fromHex(from), claimOf(node, certificate), fromHex(receipt))) {
    known.set(index, fromHex(receipt))
    remember(node, place, known)
  }
  return known
}

/** What became of every stage that nobody has decided; or, when the process begins, of every key. */
export async function askAround(node: Node, about: 'undecided' | 'everything'): Promise<void> {
  for await (const record of allKeys(node)) {
    if (about === 'everything') askAbout(node, record)
    else if (record.stages.length > 0 && isDue(node, record)) askAbout(node, record)
  }
}

/** Of one key: of its stages, and of whatever came after what we know. */
export function askAbout(node: Node, record: KeyRecord): void {
  const { keyId, status, stages, certified } = record
  if (status === 'DELETED') return
  for (const stage of stages) {
    node.post.broadcast({ type: 'ask', keyId, ...nameOf(stage) })
    acknowledge(node, node.self, record, stage)
  }
  if (certified) node.post.broadcast({ type: 'ask', keyId, ...nameOf(certified) })
}

/** What nobody could answer is asked more and more seldom: at the first sweep that finds it, the 2nd, the 4th, the 8th, … */
function isDue({ sweeps }: Node, { keyId, stages }: KeyRecord): boolean {
  const place = canonicalJson([keyId, ...stages.map(nameOf)])
  const known = sweeps.get(keyId)
  const times = known?.place === place ? known.times + 1 : 1
  sweeps.set(keyId, { place, times })
  return Number.isInteger(Math.log2(times))
}

/** A certificate to whoever is behind it, our acknowledgement of what nobody has decided, or the deletion. */
export async function hearAsk(node: Node, from: NodeName, { keyId, ...fields }: NoteOf<'ask'>): Promise<void> {
  const record = await readKey(node, keyId)
  if (!record) return
  if (record.deletion) {
    const request = callerRequest.parse(JSON.parse(record.deletion.request))
    return node.post.tell(from, { type: 'keyDelete', request })
  }
  const name = handoverOf(fields)
  if (owesCertificate(record, name)) return tellCertificate(node, keyId, from)
  const stage = record.stages.find((one) => isSameHandover(one, name))
  if (stage && fateOfHandover(record, name) === 'staged') acknowledge(node, from, record, stage)
}

function acknowledge(node: Node, to: NodeName, { keyId }: KeyRecord, stage: ShareRecord): void {
  if (!stage.rehearsed) return
  const { protocol, conf, self } = stage
  const ack = node.identity.sign(ackMessage(node.arithmetic.backend, protocol, conf, self as PartyIndex))
  node.post.tell(to, { type: 'acknowledgement', keyId, ...nameOf(stage), ack: toHex(ack) })
}

/** All of them are a certificate, whoever has collected them. */
export async function hearAcknowledgement(node: Node, from: NodeName, note: NoteOf<'acknowledgement'>): Promise<void> {
  const record = await readKey(node, note.keyId)
  const stage = record?.stages.find((one) => isSameHandover(one, handoverOf(note)))
  if (!record || !stage) return
  const { members } = keyOf(stage)
  const { backend } = node.arithmetic
  const index = (members.indexOf(from) + 1) as PartyIndex
  const ack = fromHex(note.ack)
  if (!members.includes(from)) return
  if (!verifyEd25519(fromHex(from), ackMessage(backend, stage.protocol, stage.conf, index), ack)) return
  const place = acksPlace(note.keyId, note)
  const known = node.receipts.get(place) ?? new Map<PartyIndex, Uint8Array>()
  remember(node, place, known.set(index, ack))
  const acks = members.flatMap((_, at) => known.get((at + 1) as PartyIndex) ?? [])
  if (acks.length !== members.length) return
  node.receipts.delete(place)
  await adopt(node, note.keyId, stage, acks)
}

function acknowledgedPlace(keyId: string, { attempt, stageId }: HandoverFields): string {
  return canonicalJson([keyId.toLowerCase(), attempt, stageId])
}

/** A peer that makes up handovers pushes out what it made up before. */
const REMEMBERED = 1024

function remember({ receipts }: Node, place: string, known: Map<PartyIndex, Uint8Array>): void {
  receipts.delete(place)
  receipts.set(place, known)
  const [oldest] = receipts.keys()
  if (receipts.size > REMEMBERED && oldest !== undefined) receipts.delete(oldest)
}

function acksPlace(keyId: string, { stageId }: HandoverFields): string {
  return canonicalJson(['acks', keyId.toLowerCase(), stageId])
}
