import { type PartyIndex, type Protocol, ProtocolAbort, type Rng } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { le16, le32 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { type BaseOtReceiver, type BaseOtSender, baseOtFinish, baseOtReply, baseOtStart } from '../multiply/base-ot.ts'
import { pprfReceive, pprfSend } from '../multiply/pprf.ts'
import { type BobSeeds, hideSecrets, type PairSetup } from '../share.ts'

// What two parties set up besides their shares: OT seeds both ways and a zero seed, along the rounds of key generation
// or refresh. Source: docs/spec/setup.md.

/** z_{i→j}, our half of the zero seed */
export const ZERO_HALF_BYTES = 32

/** Which pair, in which run. */
export type PairingRun = {
  readonly backend: Backend
  /** of the key generation, or the refresh, that this setup belongs to */
  readonly ssid: Uint8Array
  readonly epoch: number
  readonly self: PartyIndex
  readonly peer: PartyIndex
  readonly secrets: RunSecrets
}

/** What is overwritten when a run is over: the first list always, the second unless there is a result to keep. */
export type RunSecrets = { readonly ephemeral: Uint8Array[]; readonly lasting: Uint8Array[] }

/** Before round 1: we will be Bob of direction (peer, self). Secret but for `abot`. */
export type PairingOffer = BaseOtSender & { readonly zeroHalf: Uint8Array }

/** Before round 2: we will be Alice of direction (self, peer). Secret but for `reply`. */
export type PairingReply = BaseOtReceiver & { readonly theirAbot: Uint8Array }

/** Before round 3: Bob's seeds, and the message that gives Alice hers. */
export type PairingExpansion = { readonly pprf: Uint8Array; readonly seeds: BobSeeds; readonly theirReply: Uint8Array }

/** What we made in the three rounds. */
export type PairingOurs = {
  readonly offer: PairingOffer
  readonly reply: PairingReply
  readonly expansion: PairingExpansion
}

/** What the peer sent us over the three rounds that is not in the above. */
export type PairingInbox = { readonly zeroHalf: Uint8Array; readonly pprf: Uint8Array }

export function offerPairing(backend: Backend, rng: Rng, { ephemeral }: RunSecrets): PairingOffer {
  const offer = { ...baseOtStart(backend, rng), zeroHalf: rng(ZERO_HALF_BYTES) }
  ephemeral.push(offer.a, offer.zeroHalf)
  return offer
}

/** @throws {ProtocolAbort} `BAD_BASE_OT` */
export function* replyPairing(run: PairingRun, theirAbot: Uint8Array, rng: Rng): Protocol<PairingReply> {
  const { backend, peer, secrets } = run
  const pd = directionOf(run, run.self, peer)
  return { ...(yield* baseOtReply({ backend, pd, peer, ephemeral: secrets.ephemeral }, theirAbot, rng)), theirAbot }
}

/** @throws {ProtocolAbort} `BAD_BASE_OT` */
export function* expandPairing(
  run: PairingRun,
  offer: PairingOffer,
  theirReply: Uint8Array,
): Protocol<PairingExpansion> {
  const { backend, peer, secrets } = run
  const pd = directionOf(run, peer, run.self)
  const keys = yield* baseOtFinish({ backend, pd, peer, ephemeral: secrets.ephemeral }, offer, theirReply)
  const { message, seeds } = pprfSend(backend, pd, keys)
  secrets.lasting.push(seeds.roots)
  return { pprf: message, seeds, theirReply }
}

/** @throws {ProtocolAbort} `BAD_PPRF`: discard everything, for the failed proof was a probe on Δ */
export function finishPairing(run: PairingRun, ours: PairingOurs, inbox: PairingInbox): PairSetup {
  const { backend, self, peer, secrets } = run
  const { offer, reply, expansion } = ours
  const alicePd = directionOf(run, self, peer)
  const bobPd = directionOf(run, peer, self)
  const seeds = pprfReceive(backend, alicePd, reply.choices, reply.keys, inbox.pprf)
  if (seeds === undefined) throw new ProtocolAbort('BAD_PPRF', 3, [peer]) // check K12 K15
  const zeroSeed = combineHalves(run, offer.zeroHalf, inbox.zeroHalf)
  secrets.ephemeral.push(inbox.zeroHalf)
  secrets.lasting.push(seeds.punctured, seeds.coPath, zeroSeed)
  return hideSecrets({
    self,
    peer,
    zeroSeed,
    asAlice: { pd: alicePd, tag: tagOf(backend, alicePd, [reply.theirAbot, reply.reply, inbox.pprf]), seeds },
    asBob: {
      pd: bobPd,
      tag: tagOf(backend, bobPd, [offer.abot, expansion.theirReply, expansion.pprf]),
      seeds: expansion.seeds,
    },
  })
}

/** PD: the name of direction (Alice, Bob). */
export function directionOf(
  { backend, ssid, epoch }: Pick<PairingRun, 'backend' | 'ssid' | 'epoch'>,
  alice: PartyIndex,
  bob: PartyIndex,
): Uint8Array {
  return TH(backend, 'pair', ssid, le32(epoch), le16(alice), le16(bob))
}

/** Both ends hold the same transcript of a direction exactly if their tags agree. */
function tagOf(backend: Backend, pd: Uint8Array, transcript: readonly Uint8Array[]): Uint8Array {
  return TH(backend, 'pair/tag', pd, ...transcript.map((message) => TH(backend, 'pair/t', message))).slice(0, 8)
}

function combineHalves(run: PairingRun, ours: Uint8Array, theirs: Uint8Array): Uint8Array {
  const { backend, ssid, epoch, self, peer } = run
  const [low, high, first, second] = self < peer ? [self, peer, ours, theirs] : [peer, self, theirs, ours]
  return TH(backend, 'zs', ssid, le32(epoch), le16(low), le16(high), first, second)
}
