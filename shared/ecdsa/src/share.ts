import type { KeyId, PartyIndex, SessionId } from '@tandem/rounds'

/**
 * One party's share of a key in one epoch. The long-lived part: what a backup may hold.
 * Invariants: `secret·G = publicShares[self−1]`, none of them the identity; they add up to publicKey where t = n, and lie on
 * one polynomial of degree t−1 with publicKey at 0 where t < n; with a device, at 0 is publicKey less its public share.
 */
export type KeyShare = {
  readonly keyId: KeyId
  readonly epoch: number
  /** binds every later run to the key generation (or refresh) that made these shares */
  readonly ssid: SessionId
  readonly self: PartyIndex
  /** how many sign, t of n; additive shares where they are equal, Shamir otherwise. The device counts in both. */
  readonly threshold: number
  readonly parties: number
  /** the last party is a device without which nobody signs; the others, the nodes, share the rest of the key */
  readonly withDevice?: boolean
  /** s_self, 32 bytes big-endian, 1..q−1 */
  readonly secret: Uint8Array
  /** X, 33 bytes */
  readonly publicKey: Uint8Array
  /** X_1..X_n, 33 bytes each */
  readonly publicShares: readonly Uint8Array[]
  /** BIP-32 chain code agreed by all, 32 bytes */
  readonly chainCode: Uint8Array
  /** Ed25519 identity of every party, 32 bytes each */
  readonly identities: readonly Uint8Array[]
  /** 32-byte hash all parties agreed on at the end; what the acknowledgements sign */
  readonly conf: Uint8Array
}

/**
 * What two parties set up once and every signature uses: OT seeds both ways and the zero-sharing seed.
 * Never backed up; destroyed whole when a check on Δ fails.
 */
export type PairSetup = {
  readonly self: PartyIndex
  readonly peer: PartyIndex
  /** z_{ij}, 32 bytes: seeds the zero shares ζ */
  readonly zeroSeed: Uint8Array
  /** direction in which we are Alice (OT-extension sender, we hold Δ): PD, 32 bytes, and the tag that both must agree on */
  readonly asAlice: { readonly pd: Uint8Array; readonly tag: Uint8Array; readonly seeds: AliceSeeds }
  /** direction in which we are Bob (OT-extension receiver) */
  readonly asBob: { readonly pd: Uint8Array; readonly tag: Uint8Array; readonly seeds: BobSeeds }
}

/** Alice of one direction: all leaf seeds but one per tree. Spec: pairwise setup. */
export type AliceSeeds = {
  /** Δ_τ, the punctured leaf of each of the 32 trees, 0..15 */
  readonly punctured: Uint8Array
  /** co-path nodes, 4 per tree, 16 bytes each, root side first: 32·4·16 = 2048 bytes */
  readonly coPath: Uint8Array
}

/** Bob of one direction: the two level-1 nodes of each of the 32 trees, 16 bytes each: 32·2·16 = 1024 bytes. */
export type BobSeeds = {
  readonly roots: Uint8Array
}

/** Everything key generation, or refresh, leaves with one party. */
export type KeygenResult = {
  readonly share: KeyShare
  /** one per peer, in index order */
  readonly pairs: readonly PairSetup[]
  /** ack_1..ack_n, Ed25519 signatures over conf as `ackMessage` puts it, 64 bytes each; complete when all are there */
  readonly certificate: readonly Uint8Array[]
}

/** The same object, printing as `[secret]` in logs, errors and JSON. */
export function hideSecrets<T extends object>(value: T): T {
  const print = { value: () => '[secret]' }
  return Object.defineProperties(value, {
    toJSON: print,
    toString: print,
    // the hook of Node's inspector; elsewhere nobody asks for it
    [Symbol.for('nodejs.util.inspect.custom')]: print,
  })
}
