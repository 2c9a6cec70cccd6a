import { z } from 'zod'
import { auditHead } from './api-audit.ts'
import { address, base64url, hex, keyIdField, pathField, profileIdField, sessionIdField, wei } from './fields.ts'
import { keyCare } from './key-care.ts'
import { MAX_CALLDATA_BYTES } from './limits.ts'
import { committeeKeys, nodeAnswers } from './nodes.ts'
import { unsignedTx } from './transaction.ts'
import { twoFactorCode } from './two-factor-code.ts'

/**
 * The device's signature over one commit, verified once by Sigpair itself, so that no service in between can act alone.
 * `signature` is Ed25519 by the device identity over the canonical encoding of the rest ({@link intentBytes}).
 */
export const intent = z
  .strictObject({
    op: z.enum([
      'keygen',
      'rotate',
      'backup',
      'recovery-key',
      'export',
      'export-confirm',
      'restore',
      'restore-confirm',
      'restore-cancel',
      'delete',
      'policy',
      '2fa',
    ]),
    keyId: keyIdField,
    epoch: z.int().min(0).max(0xffffffff),
    /** SHA-256 of the canonical JSON of the body without `intent` */
    bodyHash: hex(32),
    nonce: hex(16),
    /** seconds since 1970; at most ten minutes ahead */
    expiry: z.int().min(0),
    signature: hex(64),
  })
  .meta({ id: 'Intent' })

export type Intent = z.infer<typeof intent>

/** The two public keys of a device: Ed25519 identity, and the X25519 key it certifies. */
export const deviceKey = z
  .strictObject({
    identity: hex(32),
    exchange: hex(32),
    /** Ed25519 by `identity` over "tandem/device/x25519/v1" ‖ exchange */
    certificate: hex(64),
  })
  .meta({ id: 'DeviceKey' })

export type DeviceKey = z.infer<typeof deviceKey>

/** Operations a ticket may be issued for. */
export const ticketOperation = z.enum(['keygen', 'presign', 'sign', 'refresh', 'recover'])
export type TicketOperation = z.infer<typeof ticketOperation>

/** POST /api/v1/mpc/tickets */
export const ticketRequest = z
  .strictObject({
    operation: ticketOperation,
    /** absent for keygen: the backend draws it */
    keyId: keyIdField.optional(),
    /** for sign: the prepared transaction */
    sessionId: sessionIdField.optional(),
    /** for keygen and recover: the device that will hold P1 */
    deviceKey: deviceKey.optional(),
    /** for sign, when the policy asks for it */
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'TicketRequest' })
export type TicketRequest = z.infer<typeof ticketRequest>

export const ticketResponse = z
  .strictObject({
    ticket: z.string().max(4096),
    keyId: keyIdField,
    /** ws(s)://host:port, without path */
    sigpairUrl: z.string().max(512),
    /** X25519, for convenience; a device uses the key it has pinned and refuses another */
    cloudPublicKey: hex(32),
    /** seconds since 1970 */
    expiresAt: z.int(),
  })
  .meta({ id: 'TicketResponse' })
export type TicketResponse = z.infer<typeof ticketResponse>

/** GET /api/v1/mpc/cloud-public-key */
export const cloudPublicKeyResponse = z
  .strictObject({
    /** X25519 static key of the encrypted channel */
    publicKey: hex(32),
    /** Ed25519 identity: index 2 of every key, signs receipts */
    identity: hex(32),
    keyVersion: z.int().min(1),
    /** behind a gateway; the other fields are node 1's then */
    committee: committeeKeys.optional(),
  })
  .meta({ id: 'CloudPublicKey' })
export type CloudPublicKeyResponse = z.infer<typeof cloudPublicKeyResponse>

/** The device's side of a new key, as seed 003 names it. `share` is P1's PUBLIC point: a private share is refused. */
export const clientShare = z
  .strictObject({
    keyId: keyIdField,
    /** X, compressed */
    publicKey: hex(33),
    /** X1 = x1·G, compressed: 33 bytes with prefix 02 or 03. 32 bytes would be a private share and are refused. */
    share: z.string().regex(/^0x0[23][0-9a-fA-F]{64}$/, 'the public share point X1, never the private share'),
    /** Schnorr proof of possession of x1 bound to keyId and the caller: T(33) ‖ z(32) */
    proof: hex(65),
  })
  .meta({ id: 'ClientShare' })
export type ClientShare = z.infer<typeof clientShare>

/** POST /api/v2/profiles */
export const createProfileRequest = z
  .strictObject({ name: z.string().trim().min(1).max(100), clientShare, intent })
  .meta({ id: 'CreateProfileRequest' })
export type CreateProfileRequest = z.infer<typeof createProfileRequest>

/** PATCH /api/v1/profiles/:id */
export const renameProfileRequest = createProfileRequest.pick({ name: true }).meta({ id: 'RenameProfileRequest' })
export type RenameProfileRequest = z.infer<typeof renameProfileRequest>

/** Ed25519 by Sigpair's identity: the key is in force, the device may make its stage current. */
export const commitReceipt = z
  .strictObject({ keyId: keyIdField, stageId: hex(32), epoch: z.int().min(0), conf: hex(32), signature: hex(64) })
  .meta({ id: 'CommitReceipt' })
export type CommitReceipt = z.infer<typeof commitReceipt>

export const createProfileResponse = z
  .strictObject({
    profileId: profileIdField,
    sessionWalletAddress: address,
    receipt: commitReceipt,
    nodes: nodeAnswers({ receipt: commitReceipt }),
    /** the end of the key's audit chain, signed by Sigpair: whoever keeps it sees when lines behind it disappear */
    audit: auditHead.optional(),
  })
  .meta({ id: 'CreateProfileResponse' })
export type CreateProfileResponse = z.infer<typeof createProfileResponse>

export const keyStatus = z.enum(['PENDING', 'READY', 'ERROR', 'SUSPENDED', 'STALE', 'FROZEN', 'DELETED'])
export type KeyStatus = z.infer<typeof keyStatus>

/** GET /api/v1/profiles/:id */
export const profileResponse = z
  .strictObject({
    profileId: profileIdField,
    name: z.string(),
    keyId: keyIdField,
    publicKey: hex(33),
    sessionWalletAddress: address,
    keyStatus,
    epoch: z.int().min(0),
    presignatures: z.int().min(0),
    ...keyCare.shape,
    createdAt: z.string(),
  })
  .meta({ id: 'Profile' })
export type ProfileResponse = z.infer<typeof profileResponse>

export const profilesResponse = z.strictObject({ profiles: z.array(profileResponse) }).meta({ id: 'Profiles' })
export type ProfilesResponse = z.infer<typeof profilesResponse>

/** POST /api/v1/profiles/:id/transactions. What is absent is asked of the chain. */
export const prepareTransactionRequest = z
  .strictObject({
    to: address,
    value: wei,
    chainId: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    data: z
      .string()
      .regex(/^0x([0-9a-fA-F]{2})*$/, '0x and hex digits')
      .max(2 + 2 * MAX_CALLDATA_BYTES)
      .optional(),
    gasLimit: wei.optional(),
    maxFeePerGas: wei.optional(),
    maxPriorityFeePerGas: wei.optional(),
    /** BIP-32 path below the root; empty is the root */
    path: pathField.optional(),
  })
  .meta({ id: 'PrepareTransactionRequest' })
export type PrepareTransactionRequest = z.infer<typeof prepareTransactionRequest>

export const prepareTransactionResponse = z
  .strictObject({
    unsignedTx,
    sessionId: sessionIdField,
    /** keccak-256 of the encoded transaction; the device computes its own and compares */
    digest: hex(32),
    /** ρ_S, drawn by Sigpair after the transaction was fixed. Source: docs/spec/sign.md. */
    rhoS: hex(32),
    path: pathField,
    expiresAt: z.int(),
  })
  .meta({ id: 'PrepareTransactionResponse' })
export type PrepareTransactionResponse = z.infer<typeof prepareTransactionResponse>

/** POST /api/v1/mpc/sign. The share is id ‖ ρ_D ‖ u′ ‖ w; absent after an interactive dialogue. */
export const signRequest = z
  .strictObject({
    sessionId: sessionIdField,
    p1SignatureShare: base64url(128).optional(),
    /** when the policy asks for it; proved once it stays proved for the session */
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'SignRequest' })
export type SignRequest = z.infer<typeof signRequest>

export const signResponse = z
  .strictObject({ txHash: hex(32), status: z.literal('submitted'), audit: auditHead.optional() })
  .meta({ id: 'SignResponse' })
export type SignResponse = z.infer<typeof signResponse>

/** POST /api/v1/mpc/sign-message: EIP-191. First call without a share prepares, second carries it. */
export const signMessageRequest = z
  .strictObject({
    profileId: profileIdField,
    /** text, at most 4 KiB of UTF-8 */
    message: z.string().min(1).max(4096),
    sessionId: sessionIdField.optional(),
    p1SignatureShare: base64url(128).optional(),
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'SignMessageRequest' })
export type SignMessageRequest = z.infer<typeof signMessageRequest>

export const signMessageResponse = z
  .union([
    z.strictObject({ sessionId: sessionIdField, digest: hex(32), rhoS: hex(32), expiresAt: z.int() }),
    /** r ‖ s ‖ v with v = 27 or 28, as wallets print it */
    z.strictObject({ signature: hex(65), audit: auditHead.optional() }),
  ])
  .meta({ id: 'SignMessageResponse' })
export type SignMessageResponse = z.infer<typeof signMessageResponse>

export const transactionStatus = z.enum(['prepared', 'signed', 'submitted', 'mined', 'failed', 'expired'])

/** GET /api/v1/transactions/:sessionId */
export const transactionResponse = z
  .strictObject({
    sessionId: sessionIdField,
    profileId: profileIdField,
    status: transactionStatus,
    unsignedTx,
    txHash: hex(32).optional(),
    receipt: z
      .strictObject({ blockNumber: z.int(), blockHash: hex(32), gasUsed: wei, status: z.enum(['success', 'reverted']) })
      .optional(),
  })
  .meta({ id: 'Transaction' })
export type TransactionResponse = z.infer<typeof transactionResponse>
