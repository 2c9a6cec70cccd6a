import { z } from 'zod'
import { canonicalJson, utf8 } from './canonical.ts'
import { hex, keyIdField, pathField } from './fields.ts'
import { unsignedTx } from './transaction.ts'

/**
 * What the caller of a committee (a consensus layer) asks of it. Every command is signed by the caller and travels whole to
 * every node, which verifies it by itself and takes no other node's word. Source: docs/spec/committee.md.
 */

/** Ed25519 identity of a node: its name, its libp2p key, and its place in every key it is a member of. */
export const nodeName = z.string().regex(/^0x[0-9a-f]{64}$/, 'a node: 0x and 64 lower-case hex digits')

const MAX_MEMBERS = 32

/** In the order of the party indices, 1..n. */
const members = z
  .array(nodeName)
  .min(2)
  .max(MAX_MEMBERS)
  .refine((names) => new Set(names).size === names.length, 'a node is named twice')

const threshold = z.int().min(2).max(MAX_MEMBERS)

/** One key for one id: asked for again, a READY key is answered from storage. */
export const keyGenParams = z.strictObject({ keyId: keyIdField, members, threshold })
export type KeyGenParams = z.infer<typeof keyGenParams>

/** What is to be signed, whole: each node computes the digest itself. */
export const signPayload = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('transaction'), unsignedTx }),
  z.strictObject({ kind: z.literal('message'), message: z.string().min(1).max(4096) }),
  /** of a caller whose messages no node understands; a node signs it only if its own policy allows bare digests */
  z.strictObject({ kind: z.literal('digest'), digest: hex(32) }),
])
export type SignPayload = z.infer<typeof signPayload>

/** `signers`: whom the caller would like, at least t; absent: any t that answer. */
export const keySignParams = z.strictObject({
  keyId: keyIdField,
  payload: signPayload,
  path: pathField.optional(),
  signers: z.array(nodeName).max(MAX_MEMBERS).optional(),
})
export type KeySignParams = z.infer<typeof keySignParams>

/** New shares for the same members. */
export const keyRefreshParams = z.strictObject({ keyId: keyIdField })
export type KeyRefreshParams = z.infer<typeof keyRefreshParams>

/** New members and threshold, same key. */
export const keyReshareParams = z.strictObject({ keyId: keyIdField, members, threshold })
export type KeyReshareParams = z.infer<typeof keyReshareParams>

export const keyDeleteParams = z.strictObject({ keyId: keyIdField })
export type KeyDeleteParams = z.infer<typeof keyDeleteParams>

const command = <M extends string, P extends z.ZodType>(method: M, params: P) =>
  z.strictObject({
    method: z.literal(method),
    params,
    /** drawn by the caller; the same request again is the same command */
    requestId: hex(16),
    /** seconds since 1970; at most ten minutes ahead */
    expiry: z.int().min(0),
    /** Ed25519 of the caller, pinned by every node */
    caller: hex(32),
    /** over {@link callerRequestBytes} */
    signature: hex(64),
  })

export const callerRequest = z.discriminatedUnion('method', [
  command('keyGen', keyGenParams),
  command('keySign', keySignParams),
  command('keyRefresh', keyRefreshParams),
  command('keyReshare', keyReshareParams),
  command('keyDelete', keyDeleteParams),
])
export type CallerRequest = z.infer<typeof callerRequest>
export type CallerMethod = CallerRequest['method']

/** What the caller signs: label ‖ canonical JSON of every field but the signature. */
export function callerRequestBytes(request: Omit<CallerRequest, 'signature'>): Uint8Array {
  const { method, params, requestId, expiry, caller } = request
  return utf8(`tandem/committee-request/v1\n${canonicalJson({ method, params, requestId, expiry, caller })}`)
}

/** The seed's states, and DELETED: the id is never used again. */
export const committeeKeyStatus = z.enum(['PENDING', 'READY', 'ERROR', 'DELETED'])

/** A key as any of its nodes answers it. Nothing in it is secret. */
export const committeeKey = z.strictObject({
  keyId: keyIdField,
  /** of the run that made the shares in force */
  keySessionId: hex(32),
  status: committeeKeyStatus,
  epoch: z.int().min(0),
  members,
  threshold,
  publicKey: hex(33),
  chainCode: hex(32),
  address: hex(20),
})
export type CommitteeKey = z.infer<typeof committeeKey>

export const committeeSignature = z.strictObject({
  keyId: keyIdField,
  digest: hex(32),
  /** r ‖ s ‖ recovery id, low s */
  signature: hex(65),
  signers: z.array(nodeName),
})
export type CommitteeSignature = z.infer<typeof committeeSignature>

export const committeeDeletion = z.strictObject({
  keyId: keyIdField,
  /** nodes that have acknowledged; the others hear of it when they are back */
  acknowledged: z.array(nodeName),
  missing: z.array(nodeName),
  /** seconds since 1970: the sealed records are erased then */
  purgeAt: z.int(),
})
export type CommitteeDeletion = z.infer<typeof committeeDeletion>

/** What an operator looks at: for every running session which node it waits for, in which round, since when. */
export const committeeStatus = z.strictObject({
  node: nodeName,
  peers: z.array(
    z.strictObject({
      node: nodeName,
      label: z.string().max(64),
      connected: z.boolean(),
      /** ms since 1970 */
      since: z.int(),
      /** ms since 1970 of the last message; 0 for none yet */
      heard: z.int(),
    }),
  ),
  keys: z.array(
    committeeKey.pick({ keyId: true, status: true, epoch: true }).extend({
      /** 0 while this node has no share */
      threshold: z.int().min(0),
      /** empty while this node has no share */
      members: z.array(nodeName),
    }),
  ),
  sessions: z.array(
    z.strictObject({
      sessionId: hex(32),
      keyId: keyIdField,
      operation: z.enum(['keyGen', 'keySign', 'keyRefresh', 'keyReshare', 'keyDelete', 'presign']),
      coordinator: nodeName,
      /** 0: waiting until everybody is ready */
      round: z.int().min(0),
      waitingFor: z.array(nodeName),
      /** ms since 1970 */
      since: z.int(),
    }),
  ),
  /** the latest checks that failed here, and who failed them, as far as it can be known */
  faults: z.array(
    z.strictObject({
      at: z.int(),
      sessionId: hex(32),
      keyId: keyIdField,
      operation: z.enum(['keyGen', 'keySign', 'keyRefresh', 'keyReshare']),
      code: z.string().max(64),
      round: z.int().min(0),
      culprits: z.array(nodeName),
    }),
  ),
})
export type CommitteeStatus = z.infer<typeof committeeStatus>
