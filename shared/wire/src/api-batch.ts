import { z } from 'zod'
import { auditHead } from './api-audit.ts'
import { address, base64url, hex, keyIdField, pathField, profileIdField, sessionIdField, wei } from './fields.ts'
import { MAX_BATCH_OPERATIONS } from './limits.ts'
import { rhoParts } from './nodes.ts'
import { unsignedTx } from './transaction.ts'
import { twoFactorCode } from './two-factor-code.ts'

export const batchIdField = z.string().regex(/^bat_[A-Za-z0-9_-]{22}$/, 'a batch id')

const chainId = z.int().min(1).max(Number.MAX_SAFE_INTEGER)
const calldata = unsignedTx.shape.data

/** Absent: estimated, or the default of its type where earlier operations decide. Source: docs/spec/flows.md 15.2. */
const gasLimit = wei.optional()

/** Native value, or a token's `transfer`. Amounts are in smallest units. */
const transferOperation = z
  .strictObject({ type: z.literal('transfer'), to: address, amount: wei, token: address.optional(), gasLimit })
  .meta({ id: 'TransferOperation' })

const approveOperation = z
  .strictObject({ type: z.literal('approve'), token: address, spender: address, amount: wei, gasLimit })
  .meta({ id: 'ApproveOperation' })

/** `swapExactTokensForTokens` of a Uniswap-V2-style router, one pair, to the wallet itself. */
const swapOperation = z
  .strictObject({
    type: z.literal('swap'),
    /** one of the configured routers; the first of them when absent */
    router: address.optional(),
    tokenIn: address,
    tokenOut: address,
    amountIn: wei,
    minAmountOut: wei,
    /** seconds since 1970; when absent, until the batch expires */
    deadline: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
    gasLimit,
  })
  .meta({ id: 'SwapOperation' })

const callOperation = z
  .strictObject({ type: z.literal('call'), to: address, value: wei.optional(), data: calldata, gasLimit })
  .meta({ id: 'CallOperation' })

export const batchOperation = z.discriminatedUnion('type', [
  transferOperation,
  approveOperation,
  swapOperation,
  callOperation,
])
export type BatchOperation = z.infer<typeof batchOperation>

/** POST /api/v1/batch/operations */
export const batchOperationsRequest = z
  .strictObject({
    profileId: profileIdField,
    chainId,
    operations: z.array(batchOperation).min(1).max(MAX_BATCH_OPERATIONS),
    /** BIP-32 path below the root; empty is the root */
    path: pathField.optional(),
  })
  .meta({ id: 'BatchOperationsRequest' })
export type BatchOperationsRequest = z.infer<typeof batchOperationsRequest>

/** One transaction of a batch, to be checked and signed by the device as {@link unsignedTx} of a payment is. */
export const unsignedOp = z
  .strictObject({
    /** place in the batch: they are signed, sent and mined in this order */
    index: z.int().min(0),
    /** which of the requested operations it is for, or one step of */
    operation: z.int().min(0),
    unsignedTx,
    sessionId: sessionIdField,
    digest: hex(32),
    rhoS: hex(32),
    path: pathField,
  })
  .meta({ id: 'UnsignedOp' })
export type UnsignedOp = z.infer<typeof unsignedOp>

export const batchOperationsResponse = z
  .strictObject({
    batchId: batchIdField,
    unsignedOps: z.array(unsignedOp).min(1).max(MAX_BATCH_OPERATIONS),
    /** seconds since 1970 */
    expiresAt: z.int(),
  })
  .meta({ id: 'BatchOperationsResponse' })
export type BatchOperationsResponse = z.infer<typeof batchOperationsResponse>

const signatureShares = z.array(base64url(128)).min(1).max(MAX_BATCH_OPERATIONS)

/** POST /api/v1/mpc/batch-sign: one share per operation, in the order of `index`. */
export const batchSignRequest = z
  .strictObject({
    batchId: batchIdField,
    /** absent to hear again what was signed */
    signatures: signatureShares.optional(),
    /** when the policy asks for it; proved once it stays proved for the batch */
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'BatchSignRequest' })
export type BatchSignRequest = z.infer<typeof batchSignRequest>

/** A transaction that needs nothing more than to be sent. */
export const signedOp = z
  .strictObject({
    index: z.int().min(0),
    sessionId: sessionIdField,
    txHash: hex(32),
    /** EIP-2718 encoding, with the signature */
    signedTx: z.string().regex(/^0x([0-9a-fA-F]{2})+$/, '0x and hex digits'),
  })
  .meta({ id: 'SignedOp' })
export type SignedOp = z.infer<typeof signedOp>

export const batchSignResponse = z
  .strictObject({ signedOps: z.array(signedOp).max(MAX_BATCH_OPERATIONS), executionReady: z.literal(true) })
  .meta({ id: 'BatchSignResponse' })
export type BatchSignResponse = z.infer<typeof batchSignResponse>

/** Where one operation is; `error` says what became of it if it was not sent. */
export const batchOperationStatus = z
  .strictObject({
    index: z.int().min(0),
    operation: z.int().min(0),
    sessionId: sessionIdField,
    status: z.enum(['prepared', 'signed', 'submitted', 'mined', 'failed', 'expired']),
    txHash: hex(32).optional(),
    error: z.strictObject({ code: z.string().max(64), details: z.string().max(256).optional() }).optional(),
  })
  .meta({ id: 'BatchOperationStatus' })
export type BatchOperationStatus = z.infer<typeof batchOperationStatus>

/** GET /api/v1/batch/:batchId, POST …/execute, DELETE */
export const batchResponse = z
  .strictObject({
    batchId: batchIdField,
    profileId: profileIdField,
    chainId,
    expiresAt: z.int(),
    operations: z.array(batchOperationStatus).max(MAX_BATCH_OPERATIONS),
  })
  .meta({ id: 'Batch' })
export type BatchResponse = z.infer<typeof batchResponse>

/** POST /internal/batches: the transactions of a batch, each to become a session of Sigpair. */
export const prepareBatchRequest = z.strictObject({
  batchId: batchIdField,
  keyId: keyIdField,
  path: pathField,
  transactions: z
    .array(z.strictObject({ sessionId: sessionIdField, unsignedTx }))
    .min(1)
    .max(MAX_BATCH_OPERATIONS),
})
export type PrepareBatchRequest = z.infer<typeof prepareBatchRequest>

export const prepareBatchResponse = z.strictObject({
  sessions: z.array(
    z.strictObject({
      sessionId: sessionIdField,
      digest: hex(32),
      rhoS: hex(32),
      /** of a member that has fixed ρ_S: out of which parts */
      parts: rhoParts.optional(),
    }),
  ),
  expiresAt: z.int(),
})
export type PrepareBatchResponse = z.infer<typeof prepareBatchResponse>

/** POST /internal/batches/:batchId/complete. Repeatable: a batch that is signed answers its signatures. */
export const completeBatchRequest = z.strictObject({
  keyId: keyIdField,
  signatures: signatureShares.optional(),
  /** the backend's word that the user proved the second factor for this batch */
  proven: z.boolean().optional(),
})
export type CompleteBatchRequest = z.infer<typeof completeBatchRequest>

export const completeBatchResponse = z.strictObject({
  /** r ‖ s ‖ recovery id each, in the order of the batch */
  signatures: z.array(z.strictObject({ sessionId: sessionIdField, digest: hex(32), signature: hex(65) })),
  /** the end of the key's audit chain after this, signed */
  audit: auditHead.optional(),
})
export type CompleteBatchResponse = z.infer<typeof completeBatchResponse>

/** POST /internal/batches/:batchId/cancel: nobody gets a signature for any of it from then on. Repeatable. */
export const cancelBatchRequest = z.strictObject({ keyId: keyIdField })
export type CancelBatchRequest = z.infer<typeof cancelBatchRequest>

export const cancelBatchResponse = z.strictObject({})
