import type { AssetRule, Policy } from '@tandem/wire'
import type { Claim, Spending } from './policy-claim.ts'

/** What was spent of an asset in the last `seconds` seconds, this claim included if it was charged before. */
export type Spent = (asset: AssetName, seconds: number) => bigint

export type AssetName = Pick<Spending, 'chainId' | 'asset'>

/** The circumstances a rule may look at. */
export type Circumstances = {
  /** ms since 1970 */
  readonly now: number
  readonly spent: Spent
  /** whether this very claim was charged before: then it must not count twice */
  readonly charged: boolean
}

/**
 * The first rule that refuses the claim, as `details` names it; undefined if all allow it.
 *
 * Source: docs/spec/policy.md, section 3.
 */
export function refusingRule(policy: Policy, claim: Claim, at: Circumstances): string | undefined {
  if (!isOpen(policy.hours, at.now)) return 'hours'
  if (claim.kind === 'message') return policy.messages === 'allow' ? undefined : 'messages'
  if (policy.chains && (claim.chainId === undefined || !policy.chains.includes(claim.chainId))) return 'chains'
  return refusedKind(policy, claim) ?? refusedRecipient(policy, claim) ?? refusedAmount(policy, claim, at)
}

type Spender = Exclude<Claim, { kind: 'message' }>

/** Whether the policy knows what it would be signing. */
function refusedKind(policy: Policy, claim: Spender): string | undefined {
  if (claim.kind === 'permit') return undefined
  if (claim.kind === 'transaction') return claim.decoded || isListedCall(policy, claim) ? undefined : 'contracts'
  const { chainId, contract, primaryType } = claim
  const listed = policy.typedData?.some(
    (row) => row.chainId === chainId && same(row.contract, contract) && row.primaryType === primaryType,
  )
  return listed ? undefined : 'typedData'
}

function isListedCall({ contracts = [] }: Policy, claim: Spender): boolean {
  if (claim.kind !== 'transaction' || claim.selector === undefined) return false
  return contracts.some(
    ({ chainId, address, selectors }) =>
      chainId === claim.chainId && same(address, claim.to) && selectors.some((one) => same(one, claim.selector)),
  )
}

/** A call the owner has listed may carry value to its own contract; a token it is known to move needs a known recipient. */
function refusedRecipient(policy: Policy, claim: Spender): string | undefined {
  const { recipients } = policy
  if (!recipients) return undefined
  const listed = isListedCall(policy, claim)
  const allowed = ({ asset, recipient }: Spending) =>
    recipient === undefined ||
    recipients.some((one) => same(one, recipient)) ||
    (listed && asset === 'native' && claim.kind === 'transaction' && recipient === claim.to)
  return claim.spending.every(allowed) ? undefined : 'recipients'
}

function refusedAmount(policy: Policy, claim: Spender, at: Circumstances): string | undefined {
  const listed = isListedCall(policy, claim)
  for (const spending of totals(claim.spending)) {
    const rule = ruleFor(policy, spending)
    if (rule) {
      const broken = brokenLimit(rule, spending, at)
      if (broken !== undefined) return broken
      continue
    }
    const ownContract = listed && claim.kind === 'transaction' && spending.asset === claim.to
    const free = !policy.assets || spending.asset === 'fee' || spending.amount === 0n || ownContract
    if (!free) return `assets ${nameOf(spending)}`
  }
  return undefined
}

function brokenLimit(rule: AssetRule, spending: Spending, { spent, charged }: Circumstances): string | undefined {
  const { amount } = spending
  if (rule.perTransaction !== undefined && amount > BigInt(rule.perTransaction)) {
    return `assets ${nameOf(spending)} perTransaction`
  }
  const added = charged ? 0n : amount
  const broken = rule.windows?.find((w) => amount > 0n && spent(spending, w.seconds) + added > BigInt(w.amount))
  return broken && `assets ${nameOf(spending)} windows ${broken.seconds}`
}

/**
 * Whether the policy asks for the user's second factor. What nobody can read may spend anything, so it is asked for too; a
 * message spends nothing.
 *
 * Source: docs/spec/policy.md, section 6.
 */
export function asksSecondFactor({ secondFactor }: Policy, claim: Claim): boolean {
  if (secondFactor === undefined) return false
  if (secondFactor === 'always') return true
  if (claim.kind === 'message') return false
  if (claim.kind === 'typed-data' || (claim.kind === 'transaction' && !claim.decoded)) return true
  return totals(claim.spending).some((spending) =>
    secondFactor.some(
      ({ chainId, asset, above }) =>
        chainId === spending.chainId && same(asset, spending.asset) && spending.amount > BigInt(above),
    ),
  )
}

/** Assets of the claim whose sums a policy limits, with what would be charged. */
export function chargesOf(policies: readonly Policy[], claim: Claim): readonly Spending[] {
  if (claim.kind === 'message') return []
  const limited = (spending: Spending) =>
    policies.some((policy) => (ruleFor(policy, spending)?.windows?.length ?? 0) > 0)
  return totals(claim.spending).filter((spending) => spending.amount > 0n && limited(spending))
}

function ruleFor({ assets }: Policy, { chainId, asset }: AssetName): AssetRule | undefined {
  return assets?.find((rule) => rule.chainId === chainId && same(rule.asset, asset))
}

/** One row per asset: a batch of permits may name a token twice. */
function totals(spending: readonly Spending[]): readonly Spending[] {
  const sums = new Map<string, Spending>()
  for (const { chainId, asset, amount } of spending) {
    const name = nameOf({ chainId, asset })
    sums.set(name, { chainId, asset, amount: amount + (sums.get(name)?.amount ?? 0n) })
  }
  return [...sums.values()]
}

const nameOf = ({ chainId, asset }: AssetName) => `eip155:${chainId}/${asset}`

function isOpen(hours: Policy['hours'], now: number): boolean {
  if (!hours) return true
  const time = new Date(now)
  const minute = time.getUTCHours() * 60 + time.getUTCMinutes()
  const open = ({ days, from, to }: NonNullable<Policy['hours']>[number]) =>
    (!days || days.includes(time.getUTCDay())) && minutes(from) <= minute && minute < minutes(to)
  return hours.some(open)
}

/** Of the day, for `HH:MM`. */
export function minutes(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3))
}

/** Hex in any case. */
export function same(a: string, b: string | undefined): boolean {
  return a.toLowerCase() === b?.toLowerCase()
}
