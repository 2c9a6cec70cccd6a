import type { PublicJwk } from '@tandem/service'
import type { Config } from '../config.ts'

/** Another member, as the configuration pins it. */
export type PinnedMember = {
  /** its place in the committee and its party index in every key, 1…n */
  readonly index: number
  /** Ed25519, 32 bytes as 0x-hex, lower case: what it signs with, and its name in the network */
  readonly identity: string
  /** multiaddrs */
  readonly addresses: readonly string[]
}

/** Who we are among the nodes beside a device. Source: docs/spec/gateway.md 1.1. */
export type CommitteeConfig = {
  /** ours, 1…n */
  readonly index: number
  /** t: how many members sign with the device; 2 ≤ t ≤ n */
  readonly threshold: number
  /** all other members, n − 1 of them */
  readonly peers: readonly PinnedMember[]
  /** a private Ed25519 JWK, mode 0600: our identity towards devices and peers */
  readonly identityFile: string
  /** multiaddrs to listen on for the peers */
  readonly listen: readonly string[]
  /** whose service tokens of issuer `gateway` are believed */
  readonly gatewayKeys: readonly PublicJwk[]
}

/** Everything a Sigpair has, and its committee. */
export type MemberConfig = Config & { readonly committee: CommitteeConfig }
