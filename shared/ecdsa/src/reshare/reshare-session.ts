import { type PartyIndex, partyIndex, type SessionId, sessionId, UsageError } from '@tandem/rounds'
import { equalBytes, le16, le32 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import type { KeyShare } from '../share.ts'
import { committeeOf, deviceOf, isSharing, modeBytes, modeOf, type Sharing, sizeBytes } from '../sharing.ts'
import type { RunSecrets } from '../staging/pairing.ts'
import type { StagingDeps, StagingSession } from '../staging/staging-session.ts'
import { type AttestedKey, checkStatement, type KeyPin, type KeyStatement } from './key-statement.ts'

/** Who will hold the key: t′ of n′. A device stays: last, under its identity, and counted in both. */
export type Committee = Pick<Sharing, 'threshold' | 'withDevice'> & {
  /** Ed25519 identity of every new party in index order, 32 bytes each; n′ of them */
  readonly identities: readonly Uint8Array[]
}

/** What the parties agreed on before they met. */
export type ReshareSetup = {
  /** 32 fresh bytes of the party that opened the run, never used before */
  readonly stageId: Uint8Array
  readonly attested: AttestedKey
  /** what we ourselves know of the key; of our share, if we hold one */
  readonly pin: KeyPin
  /** S: exactly t old parties, ascending; nodes only, a device deals nothing */
  readonly dealers: readonly PartyIndex[]
  readonly next: Committee
  /** our share of the key as it is, if we are one of the dealers, or the device */
  readonly share: KeyShare | null
  /** our index in the new committee, unless we leave */
  readonly self: PartyIndex | null
}

/**
 * One run, as one participant sees it. Places number everybody: the new parties by their new index, then the dealers that
 * leave, in the order of their old one. Frames carry places; culprits are places.
 */
export type ReshareSession = StagingDeps & {
  readonly sid: SessionId
  readonly statement: KeyStatement
  readonly dealers: readonly PartyIndex[]
  readonly next: Committee & Sharing
  readonly place: PartyIndex
  /** all places but ours, ascending */
  readonly others: readonly PartyIndex[]
  /** the old index of every place that deals */
  readonly dealerAt: ReadonlyMap<PartyIndex, PartyIndex>
  readonly share: KeyShare | null
  readonly self: PartyIndex | null
  readonly secrets: RunSecrets
}

/** @throws {UsageError} if the setup is not one every honest party could have */
export function openReshare(setup: ReshareSetup, deps: StagingDeps): ReshareSession {
  const { attested, stageId, dealers, next, share, self } = setup
  const { statement } = attested
  checkStatement(deps.backend, setup.pin, attested)
  checkDealers(statement, dealers)
  checkCommittee(next)
  checkDevice(statement, next)
  if (stageId.length !== 32) throw new UsageError('a stage id is 32 bytes')

  const places = placesOf(setup)
  const dealerAt = new Map(dealers.map((i) => [placeOf(places, statement.identities[i - 1]!), i]))
  const place = ownPlace(setup, places)
  return {
    ...deps,
    ...{ sid: sidOf(setup, deps), statement, dealers, share, self, place, dealerAt },
    next: nextSharing(next),
    others: places.map((_, at) => partyIndex(at + 1)).filter((p) => p !== place),
    secrets: { ephemeral: [], lasting: [] },
  }
}

/** The identity of everybody who takes part, by place: `placesOf(setup)[place − 1]`. */
export function placesOf({ attested, dealers, next }: ReshareSetup): readonly Uint8Array[] {
  const stays = (id: Uint8Array) => next.identities.some((one) => equalBytes(one, id))
  const dealing = dealers.map((i) => attested.statement.identities[i - 1]!)
  return [...next.identities, ...dealing.filter((id) => !stays(id))]
}

/** The new parties among themselves, from round 3 on. Epoch 0 of a new ssid. */
export function newPartyOf(session: ReshareSession, self: PartyIndex): StagingSession {
  const { backend, rng, sign, sid, next, secrets } = session
  const everyone = next.identities.map((_, at) => partyIndex(at + 1))
  return {
    ...{ backend, rng, sign, sid, self, secrets, identities: next.identities },
    ...{ protocol: 'reshare', epoch: 0, openingBytes: () => 0, peers: everyone.filter((j) => j !== self) },
  }
}

function checkDealers(statement: KeyStatement, dealers: readonly PartyIndex[]): void {
  const { threshold, parties } = committeeOf(oldSharing(statement))
  const ascending = dealers.every((i, at) => i <= parties && (at === 0 || dealers[at - 1]! < i))
  if (!ascending || dealers.length !== threshold) throw new UsageError('not a quorum of the key') // check S1
}

function nextSharing(next: Committee): Committee & Sharing {
  return { ...next, parties: next.identities.length }
}

/** How the key is shared as it is. */
export function oldSharing({ threshold, identities, ...mode }: KeyStatement): Sharing {
  return { threshold, parties: identities.length, ...modeOf(mode) }
}

/** It neither comes nor goes, nor becomes another: that would be another way to hold the key. */
function checkDevice(statement: KeyStatement, next: Committee): void {
  const [before, after] = [statement, next].map(({ withDevice, identities }) =>
    withDevice === true ? identities.at(-1)! : new Uint8Array(),
  )
  if (!equalBytes(before!, after!)) throw new UsageError('a reshare leaves the device what it is') // check K2
}

function checkCommittee({ threshold, identities, ...mode }: Committee): void {
  const distinct = new Set(identities.map((id) => id.join())).size === identities.length
  if (!isSharing({ threshold, parties: identities.length, ...modeOf(mode) })) {
    throw new UsageError('a threshold is at least two and at most n')
  }
  if (identities.some((id) => id.length !== 32)) throw new UsageError('an identity is 32 bytes')
  if (!distinct) throw new UsageError('two parties have one identity') // check K2
}

function ownPlace({ attested, dealers, next, share, self }: ReshareSetup, places: readonly Uint8Array[]): PartyIndex {
  const { ssid, identities } = attested.statement
  if (self !== null && self > next.identities.length) throw new UsageError('our index is not one of the parties') // check K2
  if (share === null) {
    if (self === null) throw new UsageError('we neither deal nor join')
    if (self === deviceOf(nextSharing(next))) throw new UsageError('a device stays with its share') // check K2
    return self
  }
  const isDevice = share.self === deviceOf(share)
  if (!isDevice && !dealers.includes(share.self)) throw new UsageError('we are not one of the dealers')
  if (!equalBytes(share.ssid, ssid)) throw new UsageError('our share is of another epoch') // check L3
  const place = placeOf(places, identities[share.self - 1]!)
  if (place !== (self ?? place) || (self === null && place <= next.identities.length)) {
    throw new UsageError('our two indices are of two identities') // check K2
  }
  return place
}

function placeOf(places: readonly Uint8Array[], identity: Uint8Array): PartyIndex {
  return partyIndex(places.findIndex((id) => equalBytes(id, identity)) + 1)
}

/** Binds the key as it is, who deals it, and to whom. */
function sidOf({ attested, stageId, dealers, next }: ReshareSetup, { backend }: StagingDeps): SessionId {
  const { keyId, ssid, epoch, publicKey, publicShares, chainCode } = attested.statement
  const key = [keyId, ssid, le32(epoch), stageId, publicKey, ...publicShares, chainCode]
  const from = [le16(dealers.length), ...dealers.map(le16)]
  const to = [...sizeBytes(nextSharing(next)), ...next.identities, ...modeBytes(next)]
  return sessionId(TH(backend, 'rs/sid', ...key, ...from, ...to))
}
