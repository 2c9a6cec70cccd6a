import { type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { type CommitteeHello, fromHex, type Hello, WireError } from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import type { Places } from '../parties.ts'
import type { EpochRecord } from '../records.ts'
import type { CommitteeConfig } from './member-config.ts'
import type { Rounds } from './rounds.ts'

/** A member at work: who it is among whom, and how it reaches them. Source: docs/spec/gateway.md 1.1. */
export type Member = Places & {
  /** t: how many members sign with the device */
  readonly threshold: number
  /** Ed25519 of members 1…n, ours among them */
  readonly identities: readonly Uint8Array[]
  readonly rounds: Rounds
}

/** All indices from 1 to n are there, each once. @throws {UsageError} */
export function identitiesOf({ index, threshold, peers }: CommitteeConfig, own: Uint8Array): readonly Uint8Array[] {
  const byIndex = new Map(peers.map((peer) => [peer.index, fromHex(peer.identity)]))
  byIndex.set(index, own)
  const n = peers.length + 1
  const identities = Array.from({ length: n }, (_, at) => byIndex.get(at + 1))
  const known = identities.filter((identity) => identity !== undefined)
  if (known.length !== n) throw new UsageError('the members of a committee are 1 to n')
  if (new Set(known.map((identity) => identity.join())).size !== n)
    throw new UsageError('two members have one identity')
  if (threshold < 2 || threshold > n) throw new UsageError('a threshold is at least two and at most n')
  return known
}

/** What the device says to every member alike. @throws {WireError} `VALIDATION_FAILED` without it, or for a pair with it */
export function requireCommittee(member: Member | undefined, { committee }: Hello): CommitteeHello | undefined {
  const missing = (member === undefined) !== (committee === undefined)
  if (missing) throw new WireError('VALIDATION_FAILED', 'hello.committee')
  return committee
}

/**
 * Who signs: t members, ourselves among them, and the device.
 *
 * @throws {WireError} `VALIDATION_FAILED`
 */
export function signersIn({ self, device, threshold }: Member, { committee }: Hello): readonly PartyIndex[] {
  const signers = committee?.signers ?? []
  const ours = signers.length === threshold + 1 && signers.includes(self) && signers.at(-1) === device
  if (!ours) throw new WireError('VALIDATION_FAILED', 'hello.committee.signers') // check S1
  return signers.map(partyIndex)
}

/** The device's name for a new epoch. @throws {WireError} `VALIDATION_FAILED` for none */
export function stageIdIn({ committee }: Hello): Uint8Array {
  if (committee?.stageId === undefined) throw new WireError('VALIDATION_FAILED', 'hello.committee.stageId')
  return fromHex(committee.stageId)
}

/** Every other member. */
export function othersOf({ self, identities }: Member): PartyIndex[] {
  return identities.map((_, at) => partyIndex(at + 1)).filter((index) => index !== self)
}

/**
 * A key is used with those it was made with.
 *
 * @throws {WireError} `INVALID_KEY_SHARE` if the configuration names others
 */
export function requireSameMembers({ identities }: Member, { committee }: Pick<EpochRecord, 'committee'>): void {
  const members = committee?.identities.slice(0, -1) ?? []
  const same = members.length === identities.length && members.every((one, at) => sameBytes(one, identities[at]!))
  if (!same) throw new WireError('INVALID_KEY_SHARE', 'the members have changed')
}
