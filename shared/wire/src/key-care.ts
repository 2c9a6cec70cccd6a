import { z } from 'zod'
import { hex, recoveryKeyField, restoreIdField } from './fields.ts'

/** What an owner wants to know of a key besides whether it signs. Of no secret, and absent where there is nothing to say. */
export const keyCare = z.strictObject({
  /** the enrolled recovery key */
  recoveryKey: recoveryKeyField.optional(),
  /** the backup of Sigpair's share in the current epoch */
  backup: z.strictObject({ verificationHash: hex(32) }).optional(),
  /** a restore that waits or is under way; whoever did not ask for it cancels it */
  restore: z
    .strictObject({
      restoreId: restoreIdField,
      reason: z.enum(['device-lost', 'server-lost']),
      /** seconds since 1970 */
      notBefore: z.int(),
    })
    .optional(),
  /** Sigpair's share has left it once: seconds since 1970. For ever. */
  exportedAt: z.int().optional(),
})
export type KeyCare = z.infer<typeof keyCare>
