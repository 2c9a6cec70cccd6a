import type { NodeName } from '../network.ts'

/** What one peer may cost this node: so much a second, and what it has left unused. */
export type Allowance = {
  readonly has: (amount: number) => boolean
  /** Even what there is not. @returns ms until it is made up for; 0 if there was enough */
  readonly spend: (amount: number) => number
}

/**
 * @param most what a peer that was quiet may spend at once
 * @param now  ms, of a clock that does not go back
 */
export function openAllowance(
  { perSecond, most }: { readonly perSecond: number; readonly most: number },
  now: () => number = () => performance.now(),
): Allowance {
  let left = most
  let at = now()
  const refill = () => {
    left = Math.min(most, left + ((now() - at) * perSecond) / 1000)
    at = now()
  }
  return {
    has(amount) {
      refill()
      return left >= amount
    },
    spend(amount) {
      refill()
      left -= amount
      return left >= 0 ? 0 : (-left / perSecond) * 1000
    },
  }
}

/** One of each peer's own. */
export function allowances(open: () => Allowance): (peer: NodeName) => Allowance {
  const all = new Map<NodeName, Allowance>()
  return (peer) => {
    const found = all.get(peer) ?? open()
    all.set(peer, found)
    return found
  }
}
