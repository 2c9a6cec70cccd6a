import { policy, type SignPayload, WireError } from '@tandem/wire'
import { z } from 'zod'
import { claimOf } from '../policy/policy-claim.ts'
import { refusingRule } from '../policy/policy-rules.ts'

/** What this node signs, whatever the others do. Source: docs/spec/committee.md, 3.3. */
export const nodePolicy = z.strictObject({
  /** of a wallet's policy, all that one node can judge by itself; without it, every transaction and message */
  rules: policy
    .refine(({ assets = [] }) => assets.every(({ windows }) => windows === undefined), {
      error: 'windows: a node does not see what the others have signed; use perTransaction',
    })
    .refine(({ secondFactor }) => secondFactor === undefined, 'secondFactor: a committee has no user to ask')
    .optional(),
  /** bare digests, which say nothing of what they allow */
  digests: z.enum(['allow', 'deny']).default('deny'),
})
export type NodePolicy = z.infer<typeof nodePolicy>

/**
 * @param now ms since 1970
 * @throws {WireError} `POLICY_DENIED`, details naming the rule
 */
export function requireAllowed({ rules, digests }: NodePolicy, payload: SignPayload, now: number): void {
  if (payload.kind === 'digest') {
    if (digests !== 'allow') throw new WireError('POLICY_DENIED', 'digests')
    return
  }
  if (rules === undefined) return
  const rule = refusingRule(rules, claimOf(payload), { now, spent: () => 0n, charged: false })
  if (rule !== undefined) throw new WireError('POLICY_DENIED', rule)
}
