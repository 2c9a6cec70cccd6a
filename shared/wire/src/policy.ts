import { z } from 'zod'
import { intent } from './api.ts'
import { auditHead } from './api-audit.ts'
import { twoFactorCode } from './two-factor-code.ts'
import { address, hex, wei } from './fields.ts'

const chain = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

/** HH:MM, UTC; 24:00 is the end of the day. */
const clock = z.string().regex(/^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/, 'HH:MM')

/** At most `amount` in any `seconds` seconds. */
const spendingWindow = z.strictObject({
  seconds: z
    .int()
    .min(60)
    .max(31 * 86_400),
  amount: wei,
})

/** How much of one asset may leave. `fee` is gasLimit × maxFeePerGas. */
export const assetRule = z.strictObject({
  chainId: chain,
  asset: z.union([z.enum(['native', 'fee']), address]),
  /** smallest units */
  perTransaction: wei.optional(),
  windows: z.array(spendingWindow).max(8).optional(),
})
export type AssetRule = z.infer<typeof assetRule>

/** A signature that spends more of the asset than this needs the second factor. */
const factorRow = z.strictObject({ chainId: chain, asset: z.union([z.enum(['native', 'fee']), address]), above: wei })

/**
 * What Sigpair signs for a key. A rule that is absent forbids nothing, with two exceptions: calldata that is neither empty nor
 * an ERC-20 call needs a row in `contracts`, and messages and typed data need `messages` and `typedData`: they are denied.
 *
 * Source: docs/spec/policy.md.
 */
export const policy = z
  .strictObject({
    chains: z.array(chain).max(64).optional(),
    /** when it signs, UTC; days count from Sunday = 0 and default to all; a range ends before `to` */
    hours: z
      .array(z.strictObject({ days: z.array(z.int().min(0).max(6)).min(1).max(7).optional(), from: clock, to: clock }))
      .max(32)
      .optional(),
    /** who may get native value and tokens, allowances included */
    recipients: z.array(address).max(500).optional(),
    /** calls that are allowed although nobody can say what they spend */
    contracts: z
      .array(z.strictObject({ chainId: chain, address, selectors: z.array(hex(4)).min(1).max(64) }))
      .max(100)
      .optional(),
    /** when present, an asset without a row is not spent at all (fees excepted) */
    assets: z.array(assetRule).max(200).optional(),
    /** EIP-191 */
    messages: z.enum(['allow', 'deny']).optional(),
    /** EIP-712 other than permits, which are spending */
    typedData: z
      .array(z.strictObject({ chainId: chain, contract: address, primaryType: z.string().min(1).max(128) }))
      .max(100)
      .optional(),
    /** which signatures need the user's second factor; with rows, also every one whose spending cannot be read */
    secondFactor: z.union([z.literal('always'), z.array(factorRow).max(100)]).optional(),
  })
  .refine(({ assets = [] }) => new Set(assets.map(assetKey)).size === assets.length, 'an asset has two rows')
  .refine(({ hours = [] }) => hours.every(({ from, to }) => from < to), 'hours: from is before to')
  .meta({ id: 'Policy' })
export type Policy = z.infer<typeof policy>

function assetKey({ chainId, asset }: AssetRule): string {
  return `${chainId}/${asset.toLowerCase()}`
}

/** PUT /internal/keys/:keyId/policy. `null` takes the policy away. The intent's `op` is `policy`, its body `{policy}`. */
export const setPolicyRequest = z.strictObject({ policy: policy.nullable(), intent })
export type SetPolicyRequest = z.infer<typeof setPolicyRequest>

/** What is in force, and what will be. */
export const policyResponse = z
  .strictObject({
    /** counts changes; 0 before the first */
    version: z.int().min(0),
    /** all of them must allow a transaction; none: everything is allowed */
    inForce: z.array(policy).max(16),
    /** takes the place of all others at that time (seconds since 1970) */
    pending: z.strictObject({ policy: policy.nullable(), at: z.int() }).nullable(),
    /** the end of the key's audit chain after this, signed */
    audit: auditHead.optional(),
  })
  .meta({ id: 'PolicyResponse' })
export type PolicyResponse = z.infer<typeof policyResponse>

/** PUT /api/v1/profiles/:id/policy */
export const putPolicyRequest = z
  .strictObject({
    policy: policy.nullable(),
    intent,
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'PutPolicyRequest' })
export type PutPolicyRequest = z.infer<typeof putPolicyRequest>
