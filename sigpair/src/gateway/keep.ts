import type { WireError } from '@tandem/wire'
import { refusal } from './agree.ts'
import { askOwn, doneIn, type Gateway, type OwnCall } from './gateway.ts'

/**
 * Hands a signature to every member that lacks it, whatever it said before: each verifies it and keeps it.
 *
 * @param have indices of those that need none
 * @returns why it must not leave: fewer than t have it after all; undefined if they do
 */
export async function hand(gateway: Gateway, call: OwnCall, have: readonly number[]): Promise<WireError | undefined> {
  const { threshold } = gateway.sizes
  const lacking = gateway.members.map((_, at) => at + 1).filter((index) => !have.includes(index))
  const words = await askOwn(gateway, lacking, call, (heard) => have.length + doneIn(heard).length >= threshold)
  const kept = have.length + doneIn(words).length
  return kept >= threshold ? undefined : refusal(words, kept)
}
