import { z } from 'zod'
import { base64url, hex, restoreIdField } from './fields.ts'
import { MAX_PRESIGN_BATCH, MAX_PRESIGNATURES } from './limits.ts'
import { committeeHello } from './nodes.ts'

/**
 * What device and Sigpair say around the rounds of a protocol, inside the encrypted channel: small JSON documents, in the
 * handshake payloads and in control frames. No field here can carry a share.
 */

/** Type numbers of control frames (`round` of a frame with protocol 0). */
export const CONTROL = {
  /** device → Sigpair: the device has stored its result; with Sigpair's `stored` neither side guesses */
  stored: 1,
  /** Sigpair → device: result stored, dialogue over */
  done: 2,
  /** Sigpair → device, refresh and recover: the new backup of Sigpair's share. Source: docs/spec/backup.md 1.5 */
  backup: 3,
  /** device → Sigpair, recover when the server lost its share: what the owner opened, before the first round */
  share: 4,
} as const
export type ControlName = keyof typeof CONTROL

/** Absent in a pair. */
const beside = { committee: committeeHello.optional() }

/** The device's hello, in the handshake's first payload after the ticket. */
export const keygenHello = z.strictObject({ op: z.literal('keygen'), ...beside })

export const presignHello = z.strictObject({
  op: z.literal('presign'),
  count: z.int().min(1).max(MAX_PRESIGN_BATCH),
  /** sigids of the runs, drawn by the device, one per presignature */
  sigids: z.array(hex(32)).min(1).max(MAX_PRESIGN_BATCH),
  /** presignatures the device still holds; Sigpair destroys all others */
  inventory: z.array(base64url(32)).max(MAX_PRESIGNATURES),
  ...beside,
})

export const signHello = z.strictObject({ op: z.literal('sign'), sigid: hex(32), rhoD: hex(32), ...beside })

export const refreshHello = z.strictObject({ op: z.literal('refresh'), ...beside })

export const recoverHello = z.strictObject({
  op: z.literal('recover'),
  restoreId: restoreIdField,
  /** of x1, over the new device's keys, as in the request */
  proof: hex(65),
  ...beside,
})

export const hello = z.discriminatedUnion('op', [keygenHello, presignHello, signHello, refreshHello, recoverHello])
export type Hello = z.infer<typeof hello>

/** Sigpair's answer, in the handshake's second payload. */
export const helloAnswer = z.strictObject({
  /** Sigpair's Ed25519 identity: party 2 of every key */
  identity: hex(32),
  /** keygen, refresh, recover: names the stage that the commit will make current */
  stageId: hex(32).optional(),
  /** refresh, recover: the recovery key that the new backup is for; absent where none is enrolled */
  recoveryKey: hex(33).optional(),
  /** presign: how many of the asked-for runs will be made; sign: absent */
  count: z.int().min(0).max(MAX_PRESIGN_BATCH).optional(),
})
export type HelloAnswer = z.infer<typeof helloAnswer>

/** Body of the control frame `done`. */
export const done = z.strictObject({
  /** presign: ids now usable; the other operations have nothing to say beyond "stored" */
  presignatures: z.array(base64url(32)).max(MAX_PRESIGN_BATCH).optional(),
})
export type Done = z.infer<typeof done>
