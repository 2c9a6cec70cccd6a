import {
  type CloudPublicKeyResponse,
  type KeyStatus,
  type KeyStatusResponse,
  type TicketClaims,
  type TicketOperation,
  type TicketRequest,
  type TicketResponse,
  WireError,
} from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Account } from '../ports/nonces.ts'
import type { Profile } from '../ports/profiles.ts'
import type { Session } from '../ports/sessions.ts'
import { accountOf } from '../submit.ts'
import type { RequireAttested } from './attest-device.ts'
import type { ProveSession } from '../two-factor/prove-session.ts'

/** What a ticket says apart from who issued it, to whom, and until when. */
export type TicketGrant = Pick<TicketClaims, 'op' | 'keyId' | 'epoch' | 'cnf' | 'session'>

export type IssueTicketDeps = {
  readonly requireProfileOfKey: (owner: string, keyId: string) => Promise<Profile>
  readonly requireSession: (owner: string, sessionId: string) => Promise<Session>
  readonly proveSession: ProveSession
  /** that the operator's app, unchanged, speaks for the device, where he demands it */
  readonly requireAttested: RequireAttested
  readonly pinNonce: (account: Account, sessionId: string) => Promise<void>
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyStatusResponse>
  readonly readIdentity: () => Promise<CloudPublicKeyResponse>
  readonly signTicket: (claims: TicketGrant & { readonly sub: string }) => Promise<{
    readonly ticket: string
    /** seconds since 1970 */
    readonly expiresAt: number
  }>
  readonly sigpairUrl: string
  /** 32 bytes as 0x-hex, unpredictable */
  readonly newKeyId: () => string
}

type Permit = (deps: IssueTicketDeps, caller: Caller, request: TicketRequest) => Promise<TicketGrant>

/** What the caller may do, if he may. */
const PERMITS: Readonly<Record<TicketOperation, Permit>> = {
  keygen: permitKeygen,
  presign: permitPresign,
  sign: permitSign,
  refresh: permitRefresh,
  recover: permitRecover,
}

/** POST /api/v1/mpc/tickets: leave for one device to hold one dialogue with Sigpair. Spec: docs/spec/flows.md, 1.4. */
export const issueTicket =
  (deps: IssueTicketDeps) =>
  async (caller: Caller, request: TicketRequest): Promise<TicketResponse> => {
    const { operation, twoFactorCode } = request
    refuse(operation !== 'sign' && twoFactorCode !== undefined, 'twoFactorCode: only for sign')
    const [grant, identity] = await Promise.all([PERMITS[operation](deps, caller, request), deps.readIdentity()])
    const { ticket, expiresAt } = await deps.signTicket({ ...grant, sub: caller.sub })
    const { keyId } = grant
    return { ticket, keyId, sigpairUrl: deps.sigpairUrl, cloudPublicKey: identity.publicKey, expiresAt }
  }

async function permitKeygen(
  { newKeyId, requireAttested }: IssueTicketDeps,
  caller: Caller,
  { keyId, sessionId, deviceKey }: TicketRequest,
): Promise<TicketGrant> {
  refuse(keyId !== undefined, 'keyId: is drawn here for keygen')
  refuse(sessionId !== undefined, 'sessionId: not for keygen')
  const { identity, exchange } = given(deviceKey, 'deviceKey')
  await requireAttested(caller.sub, { identity, exchange })
  return { op: 'keygen', keyId: newKeyId(), epoch: 0, cnf: { identity, exchange } }
}

async function permitPresign(deps: IssueTicketDeps, caller: Caller, request: TicketRequest): Promise<TicketGrant> {
  refuse(request.sessionId !== undefined, 'sessionId: not for presign')
  refuse(request.deviceKey !== undefined, 'deviceKey: only for keygen and recover')
  const { keyId } = await deps.requireProfileOfKey(caller.sub, given(request.keyId, 'keyId'))
  const { epoch, device } = await readyKey(deps, caller, keyId)
  return { op: 'presign', keyId, epoch, cnf: device }
}

async function permitSign(deps: IssueTicketDeps, caller: Caller, request: TicketRequest): Promise<TicketGrant> {
  refuse(request.deviceKey !== undefined, 'deviceKey: only for keygen and recover')
  const { keyId } = await deps.requireProfileOfKey(caller.sub, given(request.keyId, 'keyId'))
  const session = await deps.requireSession(caller.sub, given(request.sessionId, 'sessionId'))
  if (session.keyId !== keyId) throw new WireError('NOT_FOUND')
  if (isSigned(session)) throw new WireError('SESSION_CONSUMED')
  await deps.proveSession(caller, session, request.twoFactorCode)

  const { epoch, device } = await readyKey(deps, caller, keyId)
  // From here on a signature may come to be without another word to us.
  if (session.kind === 'transaction') await deps.pinNonce(accountOf(session), session.sessionId)
  const { sessionId, digest, path } = session
  return { op: 'sign', keyId, epoch, cnf: device, session: { sessionId, digest, path: [...path] } }
}

/** Also for a key that is frozen, suspended or stale: this is what heals it. */
async function permitRefresh(deps: IssueTicketDeps, caller: Caller, request: TicketRequest): Promise<TicketGrant> {
  refuse(request.sessionId !== undefined, 'sessionId: not for refresh')
  refuse(request.deviceKey !== undefined, 'deviceKey: only for keygen and recover')
  const { keyId, epoch, device } = await committedKey(deps, caller, request)
  return { op: 'refresh', keyId, epoch, cnf: device }
}

/** Whether this device may recover the key is Sigpair's to say: it has the restore that was asked for. */
async function permitRecover(deps: IssueTicketDeps, caller: Caller, request: TicketRequest): Promise<TicketGrant> {
  refuse(request.sessionId !== undefined, 'sessionId: not for recover')
  const { identity, exchange } = given(request.deviceKey, 'deviceKey')
  await deps.requireAttested(caller.sub, { identity, exchange })
  const { keyId, epoch } = await committedKey(deps, caller, request)
  return { op: 'recover', keyId, epoch, cnf: { identity, exchange } }
}

async function committedKey(deps: IssueTicketDeps, caller: Caller, request: TicketRequest): Promise<KeyStatusResponse> {
  const { keyId } = await deps.requireProfileOfKey(caller.sub, given(request.keyId, 'keyId'))
  const key = await deps.readKey(caller, keyId)
  if (key.status === 'PENDING' || key.status === 'ERROR' || key.status === 'DELETED') throw unready(key.status)
  return key
}

function isSigned(session: Session): boolean {
  return session.kind === 'transaction' ? session.state.status !== 'prepared' : session.signature !== null
}

async function readyKey(deps: IssueTicketDeps, caller: Caller, keyId: string): Promise<KeyStatusResponse> {
  const key = await deps.readKey(caller, keyId)
  if (key.status !== 'READY') throw unready(key.status)
  return key
}

function unready(status: Exclude<KeyStatus, 'READY'>): WireError {
  if (status === 'PENDING') return new WireError('KEY_PENDING')
  if (status === 'ERROR') return new WireError('INVALID_KEY_SHARE')
  if (status === 'DELETED') return new WireError('KEY_DELETED')
  return new WireError('KEY_FROZEN', status)
}

function given<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new WireError('VALIDATION_FAILED', `${name}: missing`)
  return value
}

function refuse(unwanted: boolean, details: string): void {
  if (unwanted) throw new WireError('VALIDATION_FAILED', details)
}
