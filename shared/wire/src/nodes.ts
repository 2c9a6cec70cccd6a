import { z } from 'zod'
import { hex } from './fields.ts'
import { MAX_NODES } from './limits.ts'

/** What only a device beside a committee sees: a pair has none of these fields. Source: docs/spec/gateway.md. */

/** Party index of a member; the device's is n + 1. */
export const nodeIndex = z.int().min(1).max(MAX_NODES)

/** One entry for every member that answered. Whoever reads it counts each index once, and verifies each entry by itself. */
export const nodeAnswers = <S extends z.ZodRawShape>(shape: S) =>
  z
    .array(z.strictObject({ index: nodeIndex, ...shape }))
    .max(MAX_NODES)
    .optional()

/** What each member drew when it prepared a session. Source: docs/spec/gateway.md 4.4. */
export const rhoParts = z
  .array(z.strictObject({ index: nodeIndex, rhoS: hex(32) }))
  .min(1)
  .max(MAX_NODES)
export type RhoParts = z.infer<typeof rhoParts>

/** The members a device pins, in index order, and how many of them sign with it. Source: docs/spec/gateway.md 1.3. */
export const committeeKeys = z
  .strictObject({
    threshold: z.int().min(2).max(MAX_NODES),
    nodes: z
      .array(
        z.strictObject({
          /** X25519 static key of the encrypted channel */
          publicKey: hex(32),
          /** Ed25519: its index in every key, signs receipts */
          identity: hex(32),
        }),
      )
      .min(2)
      .max(MAX_NODES),
  })
  .meta({ id: 'CommitteeKeys' })
export type CommitteeKeys = z.infer<typeof committeeKeys>

/** Party indices of one run, ascending: t members, and the device, which is the last. */
export const signerSet = z
  .array(
    z
      .int()
      .min(1)
      .max(MAX_NODES + 1),
  )
  .min(3)
  .max(MAX_NODES + 1)
  .refine((all) => all.every((one, at) => at === 0 || one > all[at - 1]!), 'ascending')

/** In every hello beside a committee, the same to every member. Source: docs/spec/gateway.md 2.3. */
export const committeeHello = z.strictObject({
  /** names the dialogue among the members; fresh */
  session: hex(32),
  /** presign, sign: t members and the device, ascending */
  signers: signerSet.optional(),
  /** keygen, refresh, recover: fresh, in the place of the one Sigpair draws */
  stageId: hex(32).optional(),
})
export type CommitteeHello = z.infer<typeof committeeHello>
