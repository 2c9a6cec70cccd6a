import { type Log, toWireError, type TrustedKeys } from '@tandem/service'
import {
  acceptHandshake,
  canonicalJson,
  ERRORS,
  limits,
  type TicketOperation,
  toHex,
  utf8,
  WireError,
} from '@tandem/wire'
import { type Admitted, admit } from './admit.ts'
import type { Arrival } from '../server.ts'
import { type Attempt, auditDenied } from '../audit/audit-denied.ts'
import { talk, watched } from '../audit/audit-dialogue.ts'
import { type DeviceSocket, SocketLost } from './channel-ws.ts'
import { type Computing, converse } from './converse.ts'
import { openKeygen } from './dialogue-keygen.ts'
import { openPresign } from './dialogue-presign.ts'
import { openRecover } from './dialogue-recover.ts'
import { openRefresh } from './dialogue-refresh.ts'
import { openSign } from './dialogue-sign.ts'
import { type DialogueWatch, watchDialogue } from './dialogue-telemetry.ts'
import { link } from './link.ts'
import { type Member, othersOf, requireCommittee, signersIn } from '../member/member.ts'
import type { PeerSession } from '../member/rounds.ts'
import type { Open, Operation, OperationDeps } from './operation.ts'
import { openssl } from '../crypto/x25519.ts'

export type DialogueDeps = OperationDeps &
  Computing & {
    /** keys of the backend, which issues tickets */
    readonly trust: TrustedKeys
    readonly deadlines: {
      /** from the socket's opening to the device's first message */
      readonly handshakeMs: number
      /** from the socket's opening to the final acknowledgement, but for what a committee adds */
      readonly dialogueMs: number
    }
    readonly log: Log
  }

const OPERATIONS: Readonly<Record<TicketOperation, Open>> = {
  keygen: openKeygen,
  presign: openPresign,
  sign: openSign,
  refresh: openRefresh,
  recover: openRecover,
}

/** RFC 6455, 7.4.1: the purpose of the connection is fulfilled. */
const FULFILLED = 1000

/**
 * One socket, one dialogue: handshake, ticket, rounds, final acknowledgement. However it ends, the socket is closed, one
 * line is logged, and what an abort must leave behind is durable before the device hears of it. Never rejects.
 *
 * Source: docs/spec/flows.md, section 2.
 */
export async function serveDialogue(
  deps: DialogueDeps,
  socket: DeviceSocket,
  { operation, agreement, started }: Pick<Arrival, 'operation' | 'agreement' | 'started'>,
): Promise<void> {
  const begun = performance.now()
  const watch = watchDialogue(operation)
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), dialogueMsOf(deps, operation))
  let keyId: string | undefined
  const admitted = (id: string) => {
    keyId = id
    started()
  }
  const line = (fields: object) => {
    const ms = Math.round(performance.now() - begun)
    return { event: 'dialogue', sessionId: watch.id, operation, keyId, ms, ...fields }
  }
  try {
    await serve(deps, socket, { operation, agreement }, { admitted, deadline: deadline.signal, watch })
    socket.close(FULFILLED, 'done')
    watch.ended('OK', undefined, () => deps.log.info(line({ code: 'OK' })))
  } catch (cause) {
    const error = shown(cause)
    const { code, details } = error
    socket.close(ERRORS[code].close, reasonOf(error))
    const level = code === 'INTERNAL' ? 'error' : 'warn'
    watch.ended(code, error, () => deps.log[level](line({ code, details, cause })))
  } finally {
    clearTimeout(timer)
  }
}

/** With more parties there is more to compute. Source: docs/spec/gateway.md 3.4. */
function dialogueMsOf({ deadlines: { dialogueMs }, member }: DialogueDeps, operation: TicketOperation): number {
  if (!member) return dialogueMs
  const sizes = { members: member.identities.length, threshold: member.threshold }
  return dialogueMs + limits.dialogueGrowthMs(operation, sizes)
}

type Moments = {
  readonly admitted: (keyId: string) => void
  readonly deadline: AbortSignal
  readonly watch: DialogueWatch
}

async function serve(
  deps: DialogueDeps,
  socket: DeviceSocket,
  { operation: name, agreement }: Pick<Arrival, 'operation' | 'agreement'>,
  { admitted, deadline, watch }: Moments,
): Promise<void> {
  const { stores, identity, rng, trust, member } = deps
  const message1 = await inTime(socket.next(), deps.deadlines.handshakeMs)
  const { privateKey: secretKey, publicKey } = identity.exchange
  const device = acceptHandshake({
    operation: name,
    agreement,
    sigpairStatic: { secretKey, publicKey },
    message1,
    rng,
    dh: openssl,
  })
  let operation: Operation | undefined
  let peers: PeerSession | undefined
  try {
    const admission = await admit({ parties: stores.parties, now: stores.now, trust, member }, device, name)
    admitted(admission.ticket.keyId)
    const { keyId, sub: owner, traceparent } = admission.ticket
    const attempt: Attempt = { method: `dialogue.${name}`, keyId, owner }
    const open = async () => {
      peers = openPeers(member, admission)
      return OPERATIONS[name](deps, admission)
    }
    await watch.admitted(traceparent, async () => {
      operation = watch.operation(watched(stores, attempt, await auditDenied(stores, attempt, open)))
      const answer = { identity: toHex(identity.identity.publicKey), ...operation.answer }
      const { message2, channel } = device.answer(utf8(canonicalJson(answer)))
      socket.send(message2)
      const company = { device: watch.link(link(socket, channel, member)), peers }
      await talk(stores, attempt, converse(deps, company, operation, deadline))
    })
  } finally {
    device.refuse()
    peers?.end()
    operation?.end()
  }
}

/** The members' side of the dialogue, by the name the device gave it. Nothing in a pair. */
function openPeers(member: Member | undefined, { hello }: Admitted): PeerSession | undefined {
  const committee = requireCommittee(member, hello)
  if (!member || !committee) return undefined
  const isQuorum = hello.op === 'presign' || hello.op === 'sign'
  const signers = isQuorum ? signersIn(member, hello) : undefined
  const taking = othersOf(member).filter((one) => signers?.includes(one) !== false)
  return member.rounds.open(committee.session, taking)
}

/** @throws {WireError} `MPC_SIGNING_FAILED`: the handshake counts as round 0 */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WireError('MPC_SIGNING_FAILED', 'Round 0 timeout')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What the device may know. A lost socket hears nothing anyway; the code is for the log. */
function shown(cause: unknown): WireError {
  return cause instanceof SocketLost ? new WireError('UNAVAILABLE', 'the device has left') : toWireError(cause)
}

/** The code, unless it says less than which round it was. */
function reasonOf({ code, details }: WireError): string {
  return code === 'MPC_SIGNING_FAILED' && details !== undefined ? details : code
}
