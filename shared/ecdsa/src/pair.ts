import type { PartyIndex } from '@tandem/rounds'
import type { Sha2 } from './math/hash.ts'
import { type AliceLeaves, type BobLeaves, openAlice, openBob } from './multiply/pprf.ts'
import type { PairSetup } from './share.ts'

/** A {@link PairSetup} expanded for use: about a thousand hashes, done once per dialogue and never stored. */
export type OpenPair = {
  readonly peer: PartyIndex
  /** z_{ij}, 32 bytes */
  readonly zeroSeed: Uint8Array
  /** direction in which we are Alice; the 8-byte tag both sides compare before anything else */
  readonly alice: { readonly leaves: AliceLeaves; readonly tag: Uint8Array }
  /** direction in which we are Bob */
  readonly bob: { readonly leaves: BobLeaves; readonly tag: Uint8Array }
}

/** Expands the stored seeds of a pair into OT leaves. Source: docs/spec/setup.md. */
export function openPair(sha: Sha2, setup: PairSetup): OpenPair {
  const { asAlice, asBob } = setup
  return {
    peer: setup.peer,
    zeroSeed: setup.zeroSeed,
    alice: { leaves: openAlice(sha, asAlice.pd, asAlice.seeds), tag: asAlice.tag },
    bob: { leaves: openBob(sha, asBob.pd, asBob.seeds), tag: asBob.tag },
  }
}
