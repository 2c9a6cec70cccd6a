import { spendToken, type TrustedKeys, verifyTicket } from '@tandem/service'
import type { Store } from '@tandem/store'
import {
  type Accepted,
  fromHex,
  fromUtf8,
  type Hello,
  hello,
  type TicketClaims,
  type TicketOperation,
  WireError,
} from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import { type Member, requireCommittee } from '../member/member.ts'

/** A device that may do one thing once: what its ticket allows and what it says it wants. */
export type Admitted = { readonly ticket: TicketClaims; readonly hello: Hello }

export type AdmitDeps = {
  /** where spent tickets are kept */
  readonly parties: Store
  /** keys of the backend, which issues tickets */
  readonly trust: TrustedKeys
  /** ms since 1970 */
  readonly now: () => number
  /** absent in a pair */
  readonly member?: Member | undefined
}

/**
 * Judges a device whose handshake holds. When this resolves its ticket is spent, durably, whatever becomes of the dialogue.
 *
 * @throws {WireError} `TICKET_INVALID` for a ticket that is forged, expired, used, or for another device or operation;
 *         `VALIDATION_FAILED` for a hello that is not of the documented form
 *
 * Source: docs/spec/flows.md 1.4, wire.md 3.3.
 */
export async function admit(deps: AdmitDeps, device: Accepted, operation: TicketOperation): Promise<Admitted> {
  const ticket = await verifyTicket(device.ticket, deps.trust, deps.now())
  if (ticket.op !== operation) throw new WireError('TICKET_INVALID', 'for another operation')
  const holder =
    sameBytes(fromHex(ticket.cnf.identity), device.deviceIdentity) &&
    sameBytes(fromHex(ticket.cnf.exchange), device.deviceStatic)
  if (!holder) throw new WireError('TICKET_INVALID', 'for another device')
  const said = readHello(device.hello, operation)
  requireCommittee(deps.member, said)
  if (!(await spendToken(deps.parties, ticket))) throw new WireError('TICKET_INVALID', 'used before')
  return { ticket, hello: said }
}

function readHello(bytes: Uint8Array, operation: TicketOperation): Hello {
  const parsed = hello.safeParse(parseJson(bytes))
  if (!parsed.success) {
    throw new WireError('VALIDATION_FAILED', `hello.${parsed.error.issues[0]?.path.join('.') ?? ''}`)
  }
  if (parsed.data.op !== operation) throw new WireError('VALIDATION_FAILED', 'hello.op')
  return parsed.data
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes))
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'hello', { cause })
  }
}
