import {
  type AppAttestChallengeRequest,
  type AppAttestChallengeResponse,
  appAttestChallengeResponse,
  type AssertDeviceRequest,
  type AttestDeviceRequest,
  type AttestedDeviceResponse,
  attestedDeviceResponse,
  type AuditPage,
  auditPage,
  type BatchOperationsRequest,
  type BatchOperationsResponse,
  type BatchResponse,
  type BatchSignRequest,
  type BatchSignResponse,
  batchOperationsResponse,
  batchResponse,
  batchSignResponse,
  type BeginEnrolmentRequest,
  type CloudPublicKeyResponse,
  type ConfirmEnrolmentRequest,
  type CreateProfileRequest,
  type CreateProfileResponse,
  cloudPublicKeyResponse,
  createProfileResponse,
  demanding,
  ERRORS,
  type EnrolResponse,
  enrolResponse,
  isErrorCode,
  type PolicyResponse,
  type PrepareTransactionRequest,
  type PrepareTransactionResponse,
  type ProfileResponse,
  type ProfilesResponse,
  prepareTransactionResponse,
  profileResponse,
  profilesResponse,
  type PutPolicyRequest,
  policyResponse,
  type RecoveryCodesResponse,
  recoveryCodesResponse,
  type SignMessageRequest,
  type SignMessageResponse,
  type SignRequest,
  type SignResponse,
  type SignTypedDataRequest,
  signMessageResponse,
  signResponse,
  type TicketRequest,
  type TicketResponse,
  type TransactionResponse,
  ticketResponse,
  toHex,
  transactionResponse,
  WIRE_VERSIONS,
} from '@tandem/wire'
import { type AuditHeads, headOf } from './audit-heads.ts'
import { createKeyApi, type KeyApi } from './api-keys.ts'
import { TandemError } from './errors.ts'
import type { HttpAnswer, Platform } from './platform.ts'
import { versionError } from './versions.ts'

/** An answer is at most this long; a profile list of a thousand wallets is a third of it. */
const MAX_ANSWER_CHARS = 1_000_000

/** One request, its retries not counted. */
const REQUEST_MS = 20_000

/** How often a request is sent when the network or the service says "later". Every call is safe to repeat. */
const ATTEMPTS = 4
const FIRST_PAUSE_MS = 200

/** Reads a value or throws, like a zod schema. */
export type Schema<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } }

/** The backend, as the device sees it: typed calls, each with a deadline, each answer checked against its schema. */
export type Api = KeyApi & {
  cloudPublicKey(): Promise<CloudPublicKeyResponse>
  ticket(body: TicketRequest): Promise<TicketResponse>
  createProfile(body: CreateProfileRequest): Promise<CreateProfileResponse>
  profile(profileId: string): Promise<ProfileResponse>
  profiles(): Promise<ProfilesResponse>
  prepareTransaction(profileId: string, body: PrepareTransactionRequest): Promise<PrepareTransactionResponse>
  sign(body: SignRequest): Promise<SignResponse>
  signMessage(body: SignMessageRequest): Promise<SignMessageResponse>
  signTypedData(body: SignTypedDataRequest): Promise<SignMessageResponse>
  transaction(sessionId: string): Promise<TransactionResponse>
  cancelTransaction(sessionId: string): Promise<TransactionResponse>
  prepareBatch(body: BatchOperationsRequest): Promise<BatchOperationsResponse>
  signBatch(body: BatchSignRequest): Promise<BatchSignResponse>
  executeBatch(batchId: string): Promise<BatchResponse>
  batch(batchId: string): Promise<BatchResponse>
  cancelBatch(batchId: string): Promise<BatchResponse>
  policy(profileId: string): Promise<PolicyResponse>
  setPolicy(profileId: string, body: PutPolicyRequest): Promise<PolicyResponse>
  audit(keyId: string, after: number): Promise<AuditPage>
  enrolTotp(body: BeginEnrolmentRequest): Promise<EnrolResponse>
  confirmTotp(body: ConfirmEnrolmentRequest): Promise<RecoveryCodesResponse>
  appAttestChallenge(body: AppAttestChallengeRequest): Promise<AppAttestChallengeResponse>
  attestDevice(body: AttestDeviceRequest): Promise<AttestedDeviceResponse>
  assertDevice(body: AssertDeviceRequest): Promise<AttestedDeviceResponse>
}

/**
 * A call that names its key or its session is repeatable as it is. Preparing a payment is not: all its attempts carry one
 * Idempotency-Key, so that a lost answer is given again and no nonce is reserved twice.
 *
 * @param baseUrl where functions listens, without a trailing slash
 * @param token   the user's OIDC token; asked for at every request, so that it can be renewed
 * @param heads   holds the audit head of an answer to those of earlier ones
 */
export function createApi(platform: Platform, baseUrl: string, token: () => Promise<string>, heads?: AuditHeads): Api {
  const call = async <T>(method: string, path: string, schema: Schema<T>, body?: object, key?: string): Promise<T> => {
    const before = await heads?.known()
    const answer = await withRetries(platform, async () =>
      request(platform, `${baseUrl}${path}`, method, await token(), schema, { body, key }),
    )
    const head = headOf(answer)
    if (heads && before && head) await heads.check(before, head)
    return answer
  }
  return {
    ...createKeyApi(call),
    cloudPublicKey: async () => call('GET', '/api/v1/mpc/cloud-public-key', cloudPublicKeyResponse),
    ticket: async (body) => call('POST', '/api/v1/mpc/tickets', ticketResponse, body),
    createProfile: async (body) => call('POST', '/api/v2/profiles', createProfileResponse, body),
    profile: async (id) => call('GET', `/api/v1/profiles/${encodeURIComponent(id)}`, profileResponse),
    profiles: async () => call('GET', '/api/v1/profiles', profilesResponse),
    prepareTransaction: async (id, body) =>
      call(
        'POST',
        `/api/v1/profiles/${encodeURIComponent(id)}/transactions`,
        prepareTransactionResponse,
        body,
        attemptKey(platform),
      ),
    sign: async (body) => call('POST', '/api/v1/mpc/sign', signResponse, body),
    signMessage: async (body) => call('POST', '/api/v1/mpc/sign-message', signMessageResponse, body),
    signTypedData: async (body) => call('POST', '/api/v1/mpc/sign-typed-data', signMessageResponse, body),
    transaction: async (id) => call('GET', `/api/v1/transactions/${encodeURIComponent(id)}`, transactionResponse),
    cancelTransaction: async (id) =>
      call('DELETE', `/api/v1/transactions/${encodeURIComponent(id)}`, transactionResponse),
    prepareBatch: async (body) =>
      call('POST', '/api/v1/batch/operations', batchOperationsResponse, body, attemptKey(platform)),
    signBatch: async (body) => call('POST', '/api/v1/mpc/batch-sign', batchSignResponse, body),
    executeBatch: async (id) => call('POST', `/api/v1/batch/${encodeURIComponent(id)}/execute`, batchResponse),
    batch: async (id) => call('GET', `/api/v1/batch/${encodeURIComponent(id)}`, batchResponse),
    cancelBatch: async (id) => call('DELETE', `/api/v1/batch/${encodeURIComponent(id)}`, batchResponse),
    policy: async (id) => call('GET', `/api/v1/profiles/${encodeURIComponent(id)}/policy`, policyResponse),
    setPolicy: async (id, body) =>
      call('PUT', `/api/v1/profiles/${encodeURIComponent(id)}/policy`, policyResponse, body),
    audit: async (keyId, after) => call('GET', `/api/v1/audit?keyId=${keyId}&after=${after}&limit=200`, auditPage),
    enrolTotp: async (body) => call('POST', '/api/v1/2fa/enrol', enrolResponse, body, attemptKey(platform)),
    confirmTotp: async (body) => call('POST', '/api/v1/2fa/confirm', recoveryCodesResponse, body, attemptKey(platform)),
    appAttestChallenge: async (body) => call('POST', '/api/v1/app-attest/challenges', appAttestChallengeResponse, body),
    attestDevice: async (body) => call('POST', '/api/v1/app-attest/attestations', attestedDeviceResponse, body),
    assertDevice: async (body) => call('POST', '/api/v1/app-attest/assertions', attestedDeviceResponse, body),
  }
}

/** One for all attempts of a call. */
const attemptKey = ({ random }: Platform) => toHex(random(16)).slice(2)

async function withRetries<T>(platform: Platform, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof TandemError) || !worthRepeating(error) || tries === ATTEMPTS) throw error
      await new Promise<void>((resolve) => {
        platform.after(FIRST_PAUSE_MS * 2 ** (tries - 1), resolve)
      })
    }
  }
}

/** A limit is the caller's to wait for; a failed signature needs another presignature, not the same request. */
function worthRepeating(error: TandemError): boolean {
  return error.retryable && error.code !== 'RATE_LIMITED' && error.code !== 'MPC_SIGNING_FAILED'
}

async function request<T>(
  { fetch, after, traceparent }: Platform,
  url: string,
  method: string,
  token: string,
  schema: Schema<T>,
  { body, key }: { readonly body: object | undefined; readonly key: string | undefined },
): Promise<T> {
  const overdue = new AbortController()
  const cancel = after(REQUEST_MS, () => {
    overdue.abort()
  })
  const trace = traceparent?.()
  try {
    const answer = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...demanding(WIRE_VERSIONS),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(trace === undefined ? {} : { traceparent: trace }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: overdue.signal,
    })
    return await read(answer, schema)
  } catch (cause) {
    if (cause instanceof TandemError) throw cause
    throw new TandemError('NETWORK', `No answer from ${url}; check the connection and repeat.`, { cause })
  } finally {
    cancel()
  }
}

async function read<T>(answer: HttpAnswer, schema: Schema<T>): Promise<T> {
  const text = await answer.text()
  const value = text.length > MAX_ANSWER_CHARS ? undefined : parse(text)
  if (answer.status >= 200 && answer.status < 300) {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    throw new TandemError('ANSWER_REFUSED', 'The server answered something that is not of its own schema.')
  }
  throw problem(answer.status, value)
}

/** Only the code, our own words for it, and the listed members are taken over from an error answer. */
function problem(status: number, value: unknown): TandemError {
  const { error, details, requestId } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >
  const code = isErrorCode(error) ? error : status >= 500 ? 'UNAVAILABLE' : 'VALIDATION_FAILED'
  const id = typeof requestId === 'string' ? { requestId: requestId.slice(0, 64) } : {}
  if (code === 'VERSION_UNSUPPORTED') return versionError(typeof details === 'string' ? details : '', id)
  return new TandemError(code, ERRORS[code].message, {
    ...(typeof details === 'string' ? { details: details.slice(0, 200) } : {}),
    ...id,
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
