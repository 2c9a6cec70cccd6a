import { z } from 'zod'
import { clientShare, commitReceipt, deviceKey, intent, keyStatus } from './api.ts'
import { auditHead } from './api-audit.ts'
import { base64url, hex, keyIdField, pathField, sessionIdField } from './fields.ts'
import { keyCare } from './key-care.ts'
import { nodeAnswers, rhoParts } from './nodes.ts'
import { unsignedTx } from './transaction.ts'
import { MAX_TYPED_DATA_CHARS } from './typed-data.ts'

/**
 * What the backend asks of Sigpair through duo-node. Paths are the same on both, under `/internal`:
 * duo-node authenticates, forwards, and maps failures; Sigpair verifies the backend's token again by itself.
 */

/** GET /internal/identity → CloudPublicKeyResponse of api.ts. */

/** POST /internal/keys/commit: PENDING → READY. Repeatable: the same commit answers the same receipt. */
export const commitKeyRequest = z.strictObject({
  body: z.strictObject({ name: z.string().max(100), clientShare }),
  intent,
})
export type CommitKeyRequest = z.infer<typeof commitKeyRequest>

export const commitKeyResponse = z.strictObject({
  keyId: keyIdField,
  publicKey: hex(33),
  chainCode: hex(32),
  epoch: z.int().min(0),
  receipt: commitReceipt,
  nodes: nodeAnswers({ receipt: commitReceipt }),
  /** the end of the key's audit chain after this, signed */
  audit: auditHead.optional(),
})
export type CommitKeyResponse = z.infer<typeof commitKeyResponse>

/** GET /internal/keys/:keyId */
export const keyStatusResponse = z.strictObject({
  keyId: keyIdField,
  status: keyStatus,
  epoch: z.int().min(0),
  presignatures: z.int().min(0),
  /** the enrolled device, named in every ticket */
  device: deviceKey.omit({ certificate: true }),
  ...keyCare.shape,
})
export type KeyStatusResponse = z.infer<typeof keyStatusResponse>

/**
 * POST /internal/sessions: a transaction (or message) to be signed. Sigpair computes the digest itself, draws ρ_S after
 * that and keeps all three; signing takes them from there and from nowhere else.
 */
export const prepareSessionRequest = z.strictObject({
  sessionId: sessionIdField,
  keyId: keyIdField,
  path: pathField,
  payload: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('transaction'), unsignedTx }),
    z.strictObject({ kind: z.literal('message'), message: z.string().min(1).max(4096) }),
    /** canonical JSON of `typedData`, so that it is kept and compared as one text */
    z.strictObject({ kind: z.literal('typed-data'), json: z.string().min(2).max(MAX_TYPED_DATA_CHARS) }),
  ]),
})
export type PrepareSessionRequest = z.infer<typeof prepareSessionRequest>

export const prepareSessionResponse = z.strictObject({
  digest: hex(32),
  rhoS: hex(32),
  /** of a member that has fixed ρ_S: out of which parts */
  parts: rhoParts.optional(),
  expiresAt: z.int(),
})
export type PrepareSessionResponse = z.infer<typeof prepareSessionResponse>

/**
 * POST /internal/sessions/:sessionId/complete: consume a presignature (or fetch the signature of an interactive
 * dialogue). Repeatable: a session that is signed answers its signature.
 */
export const completeSessionRequest = z.strictObject({ keyId: keyIdField, p1SignatureShare: base64url(128).optional() })
export type CompleteSessionRequest = z.infer<typeof completeSessionRequest>

/** POST /internal/sessions/:sessionId/prove: the backend's word that the user proved the second factor for it. Repeatable. */
export const proveSessionRequest = z.strictObject({ keyId: keyIdField })
export type ProveSessionRequest = z.infer<typeof proveSessionRequest>

export const proveSessionResponse = z.strictObject({})

/** POST /internal/sessions/:sessionId/cancel: nobody gets a signature for it from then on. Repeatable. */
export const cancelSessionRequest = z.strictObject({ keyId: keyIdField })
export type CancelSessionRequest = z.infer<typeof cancelSessionRequest>

export const cancelSessionResponse = z.strictObject({})

/** r ‖ s ‖ recovery id, 65 bytes, low s, recovery 0 or 1. */
export const completeSessionResponse = z.strictObject({
  digest: hex(32),
  signature: hex(65),
  /** the end of the key's audit chain after this, signed */
  audit: auditHead.optional(),
})
export type CompleteSessionResponse = z.infer<typeof completeSessionResponse>
