import {
  limits,
  type CompleteSessionRequest,
  type CompleteSessionResponse,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  type SignMessageRequest,
  type SignMessageResponse,
  WireError,
} from '@tandem/wire'
import type { Caller } from '@tandem/service'
import type { Profile } from '../ports/profiles.ts'
import type { MessageSession } from '../ports/sessions.ts'
import { agreed } from './prepare-transaction.ts'

export type SignMessageDeps = {
  readonly requireProfile: (owner: string, profileId: string) => Promise<Profile>
  readonly openSession: (caller: Caller, request: PrepareSessionRequest) => Promise<PrepareSessionResponse>
  readonly completeSession: (
    caller: Caller,
    sessionId: string,
    request: CompleteSessionRequest,
  ) => Promise<CompleteSessionResponse>
  readonly digestOf: (message: string) => Promise<string>
  /** @throws {WireError} `MPC_SIGNING_FAILED` unless it is `signer`'s; returns r ‖ s ‖ v */
  readonly verifiedSignature: (digest: string, signature: string, signer: string) => Promise<string>
  /** Runs `work` unless somebody runs work of this name. @throws {WireError} `REQUEST_IN_PROGRESS` */
  readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  readonly createSession: (session: MessageSession) => Promise<void>
  readonly requireMessage: (owner: string, sessionId: string) => Promise<MessageSession>
  readonly setSignature: (session: MessageSession, signature: string) => Promise<void>
  readonly newSessionId: () => string
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * POST /api/v1/mpc/sign-message (EIP-191). Without `sessionId` it prepares, with it it signs; repeating the second answers
 * the same signature. Spec: docs/spec/flows.md, 7.
 */
export const signMessage =
  (deps: SignMessageDeps) =>
  async (caller: Caller, request: SignMessageRequest): Promise<SignMessageResponse> => {
    const profile = await deps.requireProfile(caller.sub, request.profileId)
    if (request.sessionId === undefined) return prepare(deps, caller, profile, request)
    const { sessionId } = request
    return { signature: await deps.exclusively(sessionId, () => complete(deps, caller, sessionId, request)) }
  }

async function prepare(
  deps: SignMessageDeps,
  caller: Caller,
  { profileId, keyId, address }: Profile,
  { message, p1SignatureShare }: SignMessageRequest,
): Promise<SignMessageResponse> {
  if (p1SignatureShare !== undefined) throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: needs a sessionId')
  checkText(message)

  const sessionId = deps.newSessionId()
  const payload = { kind: 'message', message } as const
  const answer = await deps.openSession(caller, { sessionId, keyId, path: [], payload })
  const digest = agreed(answer.digest, await deps.digestOf(message))
  const { rhoS } = answer
  const expiresAt = Math.min(answer.expiresAt, Math.floor(deps.now() / 1000) + limits.SESSION_SECONDS)
  const common = { sessionId, owner: caller.sub, profileId, keyId, path: [], from: address, digest, expiresAt }
  await deps.createSession({ ...common, kind: 'message', message, signature: null })
  return { sessionId, digest, rhoS, expiresAt }
}

async function complete(
  deps: SignMessageDeps,
  caller: Caller,
  sessionId: string,
  { profileId, message, p1SignatureShare }: SignMessageRequest,
): Promise<string> {
  const session = await deps.requireMessage(caller.sub, sessionId)
  if (session.profileId !== profileId) throw new WireError('NOT_FOUND')
  if (session.message !== message) throw new WireError('VALIDATION_FAILED', 'message: not the one that was prepared')
  if (session.signature !== null) return session.signature

  const share = p1SignatureShare === undefined ? {} : { p1SignatureShare }
  const answer = await deps.completeSession(caller, sessionId, { keyId: session.keyId, ...share })
  const signature = await deps.verifiedSignature(session.digest, answer.signature, session.from)
  await deps.setSignature(session, signature)
  return signature
}

const MAX_MESSAGE_BYTES = 4096

function checkText(message: string): void {
  if (!message.isWellFormed()) throw new WireError('VALIDATION_FAILED', 'message: not well-formed text')
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) throw new WireError('VALIDATION_FAILED', 'message: above 4 KiB')
}
