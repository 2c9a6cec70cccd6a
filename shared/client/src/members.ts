import type { KeyShare, Sharing } from '@tandem/ecdsa'
import { type PartyIndex, partyIndex } from '@tandem/rounds'
import { TandemError } from './errors.ts'
import type { PinnedKeys } from './pin.ts'

/** Party indices of a pair, fixed for every key of one. A device beside n members is party n + 1, and the members are 1..n. */
export const DEVICE = partyIndex(1)
export const SIGPAIR = partyIndex(2)

/** Whoever holds a part of a key beside this device: Sigpair, or one member of a committee. */
export type Member = {
  readonly index: PartyIndex
  /** X25519: the encrypted channel */
  readonly exchange: Uint8Array
  /** Ed25519: signs receipts */
  readonly identity: Uint8Array
}

/** In index order. */
export function membersOf({ exchange, identity, committee }: PinnedKeys): readonly Member[] {
  if (committee === undefined) return [{ index: SIGPAIR, exchange, identity }]
  return committee.nodes.map((node, at) => ({ index: partyIndex(at + 1), ...node }))
}

/** How keys are shared here. Source: docs/spec/keygen.md, D. */
export function sharingOf({ committee }: PinnedKeys): Sharing {
  if (committee === undefined) return { threshold: 2, parties: 2 }
  return { threshold: committee.threshold + 1, parties: committee.nodes.length + 1, withDevice: true }
}

/** The party this device is. */
export function deviceIndexOf({ committee }: PinnedKeys): PartyIndex {
  return committee === undefined ? DEVICE : partyIndex(committee.nodes.length + 1)
}

/** Ed25519 identities of all parties in index order. @param device this device's */
export function identitiesOf({ identity, committee }: PinnedKeys, device: Uint8Array): readonly Uint8Array[] {
  return committee === undefined ? [device, identity] : [...committee.nodes.map((node) => node.identity), device]
}

/** How many members' receipts put an epoch in force, and how many end a stage for ever. Source: docs/spec/gateway.md 5.2. */
export function receiptsNeeded({ committee }: PinnedKeys): { readonly adopt: number; readonly drop: number } {
  if (committee === undefined) return { adopt: 1, drop: 1 }
  const { threshold, nodes } = committee
  return { adopt: threshold, drop: nodes.length - threshold + 1 }
}

/**
 * That a key is held with whom this app has pinned, and no other way: an app that was built for a pair has nothing to say to a
 * committee.
 *
 * @throws {TandemError} `PIN_MISMATCH`
 */
export function requireTheirs(keys: PinnedKeys, share: KeyShare): void {
  const { threshold, parties, withDevice } = sharingOf(keys)
  const alike = share.threshold === threshold && share.parties === parties && share.withDevice === withDevice
  const same = membersOf(keys).every(({ index, identity }) => isSame(share.identities[index - 1], identity))
  const advice = 'This wallet is held with others than this server has; nothing was sent.'
  if (!alike || (keys.committee !== undefined && !same)) throw new TandemError('PIN_MISMATCH', advice)
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at])
}

/** The other parties of a key, in index order. */
export function peersOf({ self, parties }: Pick<KeyShare, 'self' | 'parties'>): readonly PartyIndex[] {
  return Array.from({ length: parties }, (_, at) => partyIndex(at + 1)).filter((index) => index !== self)
}

/** How many members sign with the device. */
export function membersToSign({ threshold }: Pick<Sharing, 'threshold'>): number {
  return threshold - 1
}
