import { z } from 'zod'
import { commitReceipt } from './api.ts'
import { hex, keyIdField, pathField, sessionIdField } from './fields.ts'
import { commitKeyRequest } from './internal.ts'
import { keyRestoreConfirmRequest, keyRotateRequest } from './internal-keys.ts'
import { MAX_BATCH_OPERATIONS, MAX_NODES } from './limits.ts'
import { nodeIndex, rhoParts, signerSet } from './nodes.ts'

/** What a gateway asks of the members of a committee, and what a member answers it. Source: docs/spec/gateway.md, section 4. */

/** POST /internal/sessions/:sessionId/settle: fixes ρ_S, once. Repeatable: what was fixed is answered, whatever is shown. */
export const settleSessionRequest = z.strictObject({ keyId: keyIdField, parts: rhoParts })
export type SettleSessionRequest = z.infer<typeof settleSessionRequest>

export const settleSessionResponse = z.strictObject({ rhoS: hex(32) })
export type SettleSessionResponse = z.infer<typeof settleSessionResponse>

const eachSession = <S extends z.ZodRawShape>(shape: S) =>
  z
    .array(z.strictObject({ sessionId: sessionIdField, ...shape }))
    .min(1)
    .max(MAX_BATCH_OPERATIONS)

/** POST /internal/batches/:batchId/settle: the same for every session of a batch. */
export const settleBatchRequest = z.strictObject({ keyId: keyIdField, sessions: eachSession({ parts: rhoParts }) })
export type SettleBatchRequest = z.infer<typeof settleBatchRequest>

export const settleBatchResponse = z.strictObject({ sessions: eachSession({ rhoS: hex(32) }) })
export type SettleBatchResponse = z.infer<typeof settleBatchResponse>

/** A member's part of one signature, for exactly its own session: all that verifying the sum takes, and no secret. */
export const releasedShare = z.strictObject({
  signers: signerSet,
  /** R of the presignature, compressed */
  nonce: hex(33),
  /** u′ ‖ w */
  share: hex(64),
  /** X, and its chain code */
  publicKey: hex(33),
  chainCode: hex(32),
  epoch: z.int().min(0),
  /** of the session: δ takes them */
  path: pathField,
  rhoS: hex(32),
})
export type ReleasedShare = z.infer<typeof releasedShare>

const completion = {
  digest: hex(32),
  /** r ‖ s ‖ recovery id, once the session has one */
  signature: hex(65).optional(),
  /** absent at a member that does not hold the presignature: it has counted the sums */
  released: releasedShare.optional(),
}

/** A member's answer to POST /internal/sessions/:sessionId/complete. */
export const memberCompletion = z.strictObject(completion)
export type MemberCompletion = z.infer<typeof memberCompletion>

/** A member's answer to POST /internal/batches/:batchId/complete, in the order of the batch. */
export const memberBatchCompletion = z.strictObject({ sessions: eachSession(completion) })
export type MemberBatchCompletion = z.infer<typeof memberBatchCompletion>

/** POST /internal/sessions/:sessionId/signature: verified again, and kept. Repeatable. */
export const keepSignatureRequest = z.strictObject({ keyId: keyIdField, signature: hex(65) })
export type KeepSignatureRequest = z.infer<typeof keepSignatureRequest>

/** POST /internal/batches/:batchId/signatures */
export const keepSignaturesRequest = z.strictObject({
  keyId: keyIdField,
  sessions: eachSession({ signature: hex(65) }),
})
export type KeepSignaturesRequest = z.infer<typeof keepSignaturesRequest>

export const keepSignatureResponse = z.strictObject({})

/** A commit as it came, with the device's intent. */
export const commitment = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('keygen'), request: commitKeyRequest }),
  z.strictObject({ op: z.literal('rotate'), request: keyRotateRequest }),
  z.strictObject({ op: z.literal('restore-confirm'), request: keyRestoreConfirmRequest }),
])
export type Commitment = z.infer<typeof commitment>

/** GET /internal/keys/:keyId/commitment: what put the epoch in force that is in force here. */
export const commitmentResponse = z.strictObject({ receipt: commitReceipt, commit: commitment })
export type CommitmentResponse = z.infer<typeof commitmentResponse>

/** POST /internal/keys/:keyId/catch-up: t receipts of others for exactly the stage that waits here. Repeatable. */
export const catchUpRequest = z.strictObject({
  receipts: z
    .array(z.strictObject({ index: nodeIndex, receipt: commitReceipt }))
    .min(2)
    .max(MAX_NODES),
  commit: commitment,
})
export type CatchUpRequest = z.infer<typeof catchUpRequest>

export const catchUpResponse = z.strictObject({ receipt: commitReceipt })
export type CatchUpResponse = z.infer<typeof catchUpResponse>
