import { partyIndex } from '@tandem/rounds'

/** Indices of the pair, the same for every key. */
export const DEVICE = partyIndex(1)
export const SIGPAIR = partyIndex(2)
