import {
  canonicalJson,
  limits,
  type CompleteSessionRequest,
  type CompleteSessionResponse,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  type SignMessageRequest,
  type SignMessageResponse,
  type SignTypedDataRequest,
  typedDataDigest,
  WireError,
} from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Profile } from '../ports/profiles.ts'
import type { MessagePayload, MessageSession, Sessions } from '../ports/sessions.ts'
import type { ProveSession } from '../two-factor/prove-session.ts'
import { agreed } from './prepare-transaction.ts'

export type SignMessageDeps = {
  readonly proveSession: ProveSession
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly openSession: (caller: Caller, request: PrepareSessionRequest) => Promise<PrepareSessionResponse>
  readonly completeSession: (
    caller: Caller,
    sessionId: string,
    request: CompleteSessionRequest,
  ) => Promise<CompleteSessionResponse>
  readonly digestOf: (payload: MessagePayload) => Promise<string>
  /** @throws {WireError} `MPC_SIGNING_FAILED` unless it is `signer`'s; returns r ‖ s ‖ v */
  readonly verifiedSignature: (digest: string, signature: string, signer: string) => Promise<string>
  /** Runs `work` unless somebody runs work of this name. @throws {WireError} `REQUEST_IN_PROGRESS` */
  readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  readonly createSession: (session: MessageSession) => Promise<void>
  readonly requireMessage: Sessions['requireMessage']
  readonly setSignature: (session: MessageSession, signature: string) => Promise<void>
  readonly newSessionId: () => string
  /** ms since 1970 */
  readonly now: () => number
}

type Asked = Pick<SignMessageRequest, 'profileId' | 'sessionId' | 'p1SignatureShare' | 'twoFactorCode'>

/**
 * POST /api/v1/mpc/sign-message (EIP-191). Without `sessionId` it prepares, with it it signs; repeating the second answers
 * the same signature. Spec: docs/spec/flows.md, 7.
 */
export const signMessage =
  (deps: SignMessageDeps) =>
  async (caller: Caller, { message, ...asked }: SignMessageRequest): Promise<SignMessageResponse> => {
    checkText(message)
    return signPayload(deps, caller, { kind: 'message', message }, asked)
  }

/** POST /api/v1/mpc/sign-typed-data (EIP-712): the same in two steps. */
export const signTypedData =
  (deps: SignMessageDeps) =>
  async (caller: Caller, { typedData, ...asked }: SignTypedDataRequest): Promise<SignMessageResponse> => {
    // What does not fit its types is refused before anybody is asked.
    typedDataDigest(typedData)
    return signPayload(deps, caller, { kind: 'typed-data', json: canonicalJson(typedData) }, asked)
  }

async function signPayload(
  deps: SignMessageDeps,
  caller: Caller,
  payload: MessagePayload,
  asked: Asked,
): Promise<SignMessageResponse> {
  const profile = await deps.requireProfile(caller.sub, asked.profileId)
  const { sessionId, p1SignatureShare } = asked
  if (sessionId !== undefined) {
    return deps.exclusively(sessionId, () => complete(deps, caller, sessionId, payload, asked))
  }
  if (p1SignatureShare !== undefined) throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: needs a sessionId')
  if (asked.twoFactorCode !== undefined) throw new WireError('VALIDATION_FAILED', 'twoFactorCode: needs a sessionId')
  return prepare(deps, caller, profile, payload)
}

async function prepare(
  deps: SignMessageDeps,
  caller: Caller,
  { profileId, keyId, address }: Profile,
  payload: MessagePayload,
): Promise<SignMessageResponse> {
  const sessionId = deps.newSessionId()
  const ours = await deps.digestOf(payload)
  const answer = await deps.openSession(caller, { sessionId, keyId, path: [], payload })
  const digest = agreed(answer.digest, ours)
  const { rhoS } = answer
  const expiresAt = Math.min(answer.expiresAt, Math.floor(deps.now() / 1000) + limits.SESSION_SECONDS)
  const common = { sessionId, owner: caller.sub, profileId, keyId, path: [], from: address, digest, expiresAt }
  await deps.createSession({ ...common, ...payload, signature: null })
  return { sessionId, digest, rhoS, expiresAt }
}

async function complete(
  deps: SignMessageDeps,
  caller: Caller,
  sessionId: string,
  payload: MessagePayload,
  { profileId, p1SignatureShare, twoFactorCode }: Asked,
): Promise<SignMessageResponse> {
  const session = await deps.requireMessage(caller.sub, sessionId, payload.kind)
  if (session.profileId !== profileId) throw new WireError('NOT_FOUND')
  if (!isPrepared(session, payload)) throw new WireError('VALIDATION_FAILED', 'not what was prepared')
  if (session.signature !== null) return { signature: session.signature }

  await deps.proveSession(caller, session, twoFactorCode)
  const share = p1SignatureShare === undefined ? {} : { p1SignatureShare }
  const answer = await deps.completeSession(caller, sessionId, { keyId: session.keyId, ...share })
  const signature = await deps.verifiedSignature(session.digest, answer.signature, session.from)
  await deps.setSignature(session, signature)
  return { signature, ...(answer.audit && { audit: answer.audit }) }
}

function isPrepared(session: MessageSession, payload: MessagePayload): boolean {
  if (session.kind === 'message') return payload.kind === 'message' && payload.message === session.message
  return payload.kind === 'typed-data' && payload.json === session.json
}

const MAX_MESSAGE_BYTES = 4096

function checkText(message: string): void {
  if (!message.isWellFormed()) throw new WireError('VALIDATION_FAILED', 'message: not well-formed text')
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) throw new WireError('VALIDATION_FAILED', 'message: above 4 KiB')
}
