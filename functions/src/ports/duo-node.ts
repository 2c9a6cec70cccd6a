import { errorOfAnswer, type HttpAnswer, issueServiceToken, NoAnswer, type SigningKey } from '@tandem/service'
import {
  type AttestRequest,
  attestResponse,
  type AuditPage,
  type AuditProof,
  type AuditQuery,
  auditPage,
  auditProof,
  type CloudPublicKeyResponse,
  type CommitKeyRequest,
  type CommitKeyResponse,
  type CancelBatchRequest,
  cancelBatchResponse,
  type CompleteBatchRequest,
  type CompleteBatchResponse,
  type CancelSessionRequest,
  cancelSessionResponse,
  type CompleteSessionRequest,
  type CompleteSessionResponse,
  cloudPublicKeyResponse,
  commitKeyResponse,
  completeBatchResponse,
  completeSessionResponse,
  type KeyStatusResponse,
  keyStatusResponse,
  type PolicyResponse,
  policyResponse,
  type PrepareBatchRequest,
  type PrepareBatchResponse,
  prepareBatchResponse,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  prepareSessionResponse,
  type ProveSessionRequest,
  proveSessionResponse,
  type SetPolicyRequest,
  WireError,
} from '@tandem/wire'
import type { z } from 'zod'
import { type KeyCalls, keyCalls } from './duo-node-keys.ts'
import { type Transport, type TransportOptions, transportTo } from './duo-node-transport.ts'

/**
 * What we ask of Sigpair, through duo-node, each call in the name of one user. All throw what Sigpair refuses with, and
 * `DUO_NODE_UNAVAILABLE` when nobody answers. Spec: docs/spec/flows.md, 1.2.
 */
export type DuoNode = KeyCalls & {
  readonly readIdentity: () => Promise<CloudPublicKeyResponse>
  readonly readKey: (user: User, keyId: string) => Promise<KeyStatusResponse>
  readonly commitKey: (user: User, request: CommitKeyRequest) => Promise<CommitKeyResponse>
  readonly openSession: (user: User, request: PrepareSessionRequest) => Promise<PrepareSessionResponse>
  readonly completeSession: (
    user: User,
    sessionId: string,
    request: CompleteSessionRequest,
  ) => Promise<CompleteSessionResponse>
  /** Sigpair's sessions of a batch, all or none */
  readonly openBatch: (user: User, request: PrepareBatchRequest) => Promise<PrepareBatchResponse>
  readonly cancelBatch: (user: User, batchId: string, request: CancelBatchRequest) => Promise<object>
  readonly completeBatch: (user: User, batchId: string, request: CompleteBatchRequest) => Promise<CompleteBatchResponse>
  readonly proveSession: (user: User, sessionId: string, request: ProveSessionRequest) => Promise<object>
  readonly cancelSession: (user: User, sessionId: string, request: CancelSessionRequest) => Promise<object>
  readonly attest: (user: User, keyId: string, request: AttestRequest) => Promise<object>
  readonly readPolicy: (user: User, keyId: string) => Promise<PolicyResponse>
  readonly setPolicy: (user: User, keyId: string, request: SetPolicyRequest) => Promise<PolicyResponse>
  readonly readAudit: (user: User, query: AuditQuery) => Promise<AuditPage>
  readonly proveAudit: (user: User, keyId: string, seq: string) => Promise<AuditProof>
}

type User = { readonly sub: string }

/** Calls that concern no user's key. */
const SYSTEM: User = { sub: 'system' }

/** How to reach it, and the key that signs each call. */
type Line = { readonly key: SigningKey; readonly transport: Transport }

export function duoNode(given: TransportOptions): DuoNode {
  const options: Line = { key: given.key, transport: transportTo(given) }
  const get = <T>(user: User, path: string, shape: z.ZodType<T>) => ask(options, user, { method: 'GET', path }, shape)
  const post = <T>(user: User, path: string, body: object, shape: z.ZodType<T>) =>
    ask(options, user, { method: 'POST', path, body }, shape)
  return {
    ...keyCalls((user, question, shape) => ask(options, user, question, shape)),
    readIdentity: () => get(SYSTEM, '/internal/identity', cloudPublicKeyResponse),
    readKey: (user, keyId) => get(user, `/internal/keys/${keyId}`, keyStatusResponse),
    commitKey: (user, request) => post(user, '/internal/keys/commit', request, commitKeyResponse),
    openSession: (user, request) => post(user, '/internal/sessions', request, prepareSessionResponse),
    completeSession: (user, sessionId, request) =>
      post(user, `/internal/sessions/${sessionId}/complete`, request, completeSessionResponse),
    openBatch: (user, request) => post(user, '/internal/batches', request, prepareBatchResponse),
    cancelBatch: (user, batchId, request) =>
      post(user, `/internal/batches/${batchId}/cancel`, request, cancelBatchResponse),
    completeBatch: (user, batchId, request) =>
      post(user, `/internal/batches/${batchId}/complete`, request, completeBatchResponse),
    proveSession: (user, sessionId, request) =>
      post(user, `/internal/sessions/${sessionId}/prove`, request, proveSessionResponse),
    cancelSession: (user, sessionId, request) =>
      post(user, `/internal/sessions/${sessionId}/cancel`, request, cancelSessionResponse),
    attest: (user, keyId, request) => post(user, `/internal/keys/${keyId}/attest`, request, attestResponse),
    readPolicy: (user, keyId) => get(user, `/internal/keys/${keyId}/policy`, policyResponse),
    setPolicy: (user, keyId, body) =>
      ask(options, user, { method: 'PUT', path: `/internal/keys/${keyId}/policy`, body }, policyResponse),
    readAudit: (user, { keyId, after, limit }) =>
      get(user, `/internal/audit?keyId=${keyId}&after=${after}&limit=${limit}`, auditPage),
    proveAudit: (user, keyId, seq) => get(user, `/internal/audit/proof/${seq}?keyId=${keyId}`, auditProof),
  }
}

type Question = { readonly method: string; readonly path: string; readonly body?: object }

async function ask<T>(options: Line, user: User, question: Question, shape: z.ZodType<T>): Promise<T> {
  try {
    const answer = await call(options, user, question)
    if (answer.status >= 300) throw errorOfAnswer(answer)
    const parsed = shape.safeParse(JSON.parse(new TextDecoder().decode(answer.body)))
    if (parsed.success) return parsed.data
    throw new WireError('INTERNAL', undefined, { cause: new Error(`${question.path}: an answer of no known form`) })
  } catch (cause) {
    const unreachable = cause instanceof NoAnswer || (cause instanceof WireError && cause.code === 'UNAVAILABLE')
    if (unreachable) throw new WireError('DUO_NODE_UNAVAILABLE', undefined, { cause })
    throw cause
  }
}

async function call({ key, transport }: Line, user: User, { method, path, body }: Question): Promise<HttpAnswer> {
  const bytes = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body))
  const from = { issuer: 'functions', subject: user.sub, audience: ['duo-node', 'sigpair'] }
  const token = await issueServiceToken(key, from, { method, path, body: bytes })
  return transport({ method, path, body: bytes, token })
}
