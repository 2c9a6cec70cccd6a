import { broadcastPart, broadcastStatement, equivocators, type Sharing, type SignedBroadcast } from '@tandem/ecdsa'
import { type Message, type PartyIndex, partyIndex, ProtocolAbort, sessionId } from '@tandem/rounds'
import { fromHex, toHex } from '@tandem/wire'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import type { NodeName } from '../network.ts'
import { noteFault } from './faults.ts'
import { MAX_EVIDENCE, type NoteOf, type SeenFields } from './messages.ts'
import type { Node } from './node.ts'
import type { Session } from './sessions.ts'

// Who said different things to different nodes: nobody knows it alone. Source: docs/spec/keygen.md, section C.

/** A round message with its sender's signature of what it tells everybody, 64 bytes. */
export type SignedMessage = { readonly message: Message; readonly signature: Uint8Array }

export function signMessage({ identity, arithmetic }: Node, message: Message, sharing: Sharing): SignedMessage {
  const { from, body } = message
  const part = broadcastPart(message, body, sharing)
  return { message, signature: identity.sign(broadcastStatement(arithmetic.backend, { header: message, from, part })) }
}

/** @throws {ProtocolAbort} MALFORMED: what is not signed could be denied later */
export function verifyMessage(
  { arithmetic }: Node,
  { message, signature }: SignedMessage,
  { sharing, from, name }: { readonly sharing: Sharing; readonly from: PartyIndex; readonly name: NodeName },
): SignedBroadcast {
  const { protocol, round, sid, epoch, body } = message
  const header = { protocol, round, sid, epoch }
  const part = broadcastPart(header, body, sharing).slice()
  const statement = broadcastStatement(arithmetic.backend, { header, from, part })
  if (!verifyEd25519(fromHex(name), statement, signature)) throw new ProtocolAbort('MALFORMED', round, [from])
  return { header, from, part, signature }
}

/** Sessions whose evidence is still compared. */
const REMEMBERED = 64

/** Lays what we were told beside what the others were told. */
export function dispute(node: Node, session: Session): void {
  const { disputes } = node
  disputes.set(session.id, session)
  const [oldest] = disputes.keys()
  if (disputes.size > REMEMBERED && oldest !== undefined) disputes.delete(oldest)
  const seen = session.seen.slice(-MAX_EVIDENCE).map(write)
  node.post.broadcast({ type: 'evidence', sessionId: session.id, seen })
}

/** Names whoever signed two different broadcasts of one round: proof, whoever brings it. */
export async function hearEvidence(node: Node, { sessionId: id, seen }: NoteOf<'evidence'>): Promise<void> {
  const session = node.disputes.get(id) ?? node.sessions.running.get(id)
  if (!session) return
  const { places } = session.progress
  const found = equivocators(node.arithmetic.backend, places.map(fromHex), session.seen, seen.map(read))
  const culprits = found.flatMap((place) => places[place - 1] ?? [])
  const known = node.faults.filter((fault) => fault.sessionId === id && fault.code === EQUIVOCATION)
  const news = culprits.filter((name) => !known.some((fault) => fault.culprits.includes(name)))
  const round = Math.min(...seen.map((one) => one.round))
  if (news.length > 0) noteFault(node, session, { code: EQUIVOCATION, round, culprits: news })
}

/** Nobody's check fails by it alone, so it is no code of an abort. */
const EQUIVOCATION = 'EQUIVOCATION'

function write({ header: { protocol, round, sid, epoch }, from, part, signature }: SignedBroadcast): SeenFields {
  const bytes = { sid: toHex(sid), part: toHex(part), signature: toHex(signature) }
  return { protocol: protocol as SeenFields['protocol'], round, epoch, from, ...bytes }
}

function read({ protocol, round, sid, epoch, from, part, signature }: SeenFields): SignedBroadcast {
  const header = { protocol, round, sid: sessionId(fromHex(sid)), epoch }
  return { header, from: partyIndex(from), part: fromHex(part), signature: fromHex(signature) }
}
