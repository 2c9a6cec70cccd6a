import type { AssetRule, Policy } from '@tandem/wire'
import { minutes, same } from './policy-rules.ts'

const DAY_MINUTES = 24 * 60

/**
 * Whether `after` allows nothing that `before` refuses. Says no when it cannot tell: then the change waits.
 *
 * @param before `null`: no policy, which allows everything
 *
 * Source: docs/spec/policy.md 4.2.
 */
export function isTighter(before: Policy | null, after: Policy | null): boolean {
  if (before === null) return true
  if (after === null) return false
  return (
    within(before.chains, after.chains, (a, b) => a === b) &&
    within(before.recipients, after.recipients, same) &&
    hoursWithin(before.hours, after.hours) &&
    callsWithin(before.contracts ?? [], after.contracts ?? []) &&
    assetsWithin(before.assets, after.assets) &&
    (before.messages === 'allow' || after.messages !== 'allow') &&
    (after.typedData ?? []).every((row) => before.typedData?.some((known) => sameTypedData(known, row))) &&
    factorKept(before.secondFactor, after.secondFactor)
  )
}

/** Lists that allow what they name, and everything when absent. */
function within<T>(before: readonly T[] | undefined, after: readonly T[] | undefined, equal: (a: T, b: T) => boolean) {
  if (!before) return true
  return after?.every((row) => before.some((known) => equal(known, row))) ?? false
}

/** Whoever needed the second factor before needs it still. */
function factorKept(before: Policy['secondFactor'], after: Policy['secondFactor']): boolean {
  if (before === undefined || after === 'always') return true
  if (after === undefined || before === 'always') return false
  return before.every((row) =>
    after.some(
      ({ chainId, asset, above }) =>
        chainId === row.chainId && same(asset, row.asset) && BigInt(above) <= BigInt(row.above),
    ),
  )
}

type Call = NonNullable<Policy['contracts']>[number]

function callsWithin(before: readonly Call[], after: readonly Call[]): boolean {
  return after.every(({ chainId, address, selectors }) => {
    const known = before.filter((row) => row.chainId === chainId && same(row.address, address))
    return selectors.every((selector) => known.some((row) => row.selectors.some((one) => same(one, selector))))
  })
}

function sameTypedData(a: NonNullable<Policy['typedData']>[number], b: typeof a): boolean {
  return a.chainId === b.chainId && same(a.contract, b.contract) && a.primaryType === b.primaryType
}

function assetsWithin(before: readonly AssetRule[] | undefined, after: readonly AssetRule[] | undefined): boolean {
  if (!before) return true
  if (!after) return false
  const twin = (rules: readonly AssetRule[], { chainId, asset }: AssetRule) =>
    rules.find((rule) => rule.chainId === chainId && same(rule.asset, asset))
  // A fee without a row is free, any other asset without one is locked.
  const feesKept = before.every((rule) => rule.asset !== 'fee' || twin(after, rule) !== undefined)
  const rowsWithin = after.every((rule) => {
    const known = twin(before, rule)
    return known ? limitsWithin(known, rule) : rule.asset === 'fee'
  })
  return feesKept && rowsWithin
}

function limitsWithin(before: AssetRule, after: AssetRule): boolean {
  const each =
    before.perTransaction === undefined ||
    (after.perTransaction !== undefined && BigInt(after.perTransaction) <= BigInt(before.perTransaction))
  // What fits into a longer window fits into the shorter ones inside it.
  const implied = (old: NonNullable<AssetRule['windows']>[number]) =>
    after.windows?.some((w) => w.seconds >= old.seconds && BigInt(w.amount) <= BigInt(old.amount))
  return each && (before.windows ?? []).every(implied)
}

function hoursWithin(before: Policy['hours'], after: Policy['hours']): boolean {
  if (!before) return true
  if (!after) return false
  const open = openMinutes(before)
  return openMinutes(after).every((isOpen, i) => !isOpen || open[i])
}

/** Every minute of the week. */
function openMinutes(hours: NonNullable<Policy['hours']>): readonly boolean[] {
  const week = Array.from({ length: 7 * DAY_MINUTES }, () => false)
  for (const { days = [0, 1, 2, 3, 4, 5, 6], from, to } of hours) {
    for (const day of days) week.fill(true, day * DAY_MINUTES + minutes(from), day * DAY_MINUTES + minutes(to))
  }
  return week
}
