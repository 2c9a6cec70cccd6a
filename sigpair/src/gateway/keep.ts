import type { WireError } from '@tandem/wire'
import { refusal } from './agree.ts'
import { askOwn, doneIn, type Gateway, type OwnCall } from './gateway.ts'

/** How many members have a signature already, and who of those that know of it lack it. */
export type Keepers = { readonly have: number; readonly lacking: readonly number[] }

/**
 * Hands a signature to the members that lack it: each verifies it and keeps it.
 *
 * @returns why it must not leave: fewer than t have it after all; undefined if they do
 */
export async function hand(
  gateway: Gateway,
  call: OwnCall,
  { have, lacking }: Keepers,
): Promise<WireError | undefined> {
  const { threshold } = gateway.sizes
  const words = await askOwn(gateway, lacking, call, (heard) => have + doneIn(heard).length >= threshold)
  const kept = have + doneIn(words).length
  return kept >= threshold ? undefined : refusal(words, kept)
}
