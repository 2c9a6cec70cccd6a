import { type PartyIndex, partyIndex } from '@tandem/rounds'
import type { EpochRecord } from './records.ts'

/** Indices of a pair, the same for every key. */
export const DEVICE = partyIndex(1)
export const SIGPAIR = partyIndex(2)

/** Who signs in a pair. */
export const PAIR: readonly PartyIndex[] = [DEVICE, SIGPAIR]

/** Whose share is whose. */
export type Places = { readonly self: PartyIndex; readonly device: PartyIndex }

/** In a committee the device is the last party. Source: docs/spec/keygen.md D.1. */
export function placesOf({ committee, publicShares }: Pick<EpochRecord, 'committee' | 'publicShares'>): Places {
  if (!committee) return { self: SIGPAIR, device: DEVICE }
  return { self: partyIndex(committee.self), device: partyIndex(publicShares.length) }
}
