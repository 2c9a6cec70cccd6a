import { type KeyId, type PartyIndex, partyIndex, type Rng, type SessionId } from '@tandem/rounds'
import type { Backend } from '../../shared/ecdsa/src/math/backend.ts'
import { le16, le32 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import { q, randomScalar, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import { pprfReceive, pprfSend } from '../../shared/ecdsa/src/multiply/pprf.ts'
import { type OpenPair, openPair } from '../../shared/ecdsa/src/pair.ts'
import type { KeyShare, PairSetup } from '../../shared/ecdsa/src/share.ts'
import type { SigningKey } from '../../shared/ecdsa/src/signing/signing-session.ts'
import { dealBaseOts } from './multiply.ts'
import { valueAt } from './reference/shamir.ts'

/** What a trusted dealer hands out: the result of a key generation without its second of base OT. */
export type DealtKey = {
  /** x itself, which no party has */
  readonly secret: bigint
  readonly signers: readonly PartyIndex[]
  readonly keys: ReadonlyMap<PartyIndex, SigningKey>
  readonly setups: ReadonlyMap<PartyIndex, readonly PairSetup[]>
}

/** An additive n-of-n key. */
export function dealtKey(backend: Backend, n: number, rng: Rng, epoch = 7): DealtKey {
  const signers = indices(n)
  const ssid = rng(32) as SessionId
  const shares = signers.map(() => randomScalar(rng))
  const secret = shares.reduce((sum, s) => sum + s, 0n) % q
  return dealtFrom(backend, { signers, ssid, shares, secret, threshold: n, epoch }, rng)
}

/** A Shamir t-of-n key. `signers` are all parties: a run picks t of them. */
export function dealtThresholdKey(backend: Backend, threshold: number, n: number, rng: Rng): DealtKey {
  const signers = indices(n)
  const ssid = rng(32) as SessionId
  const coefficients = Array.from({ length: threshold }, () => randomScalar(rng))
  const shares = signers.map((i) => valueAt(coefficients, i))
  return dealtFrom(backend, { signers, ssid, shares, secret: coefficients[0]!, threshold, epoch: 0 }, rng)
}

/** A device beside t of n nodes. `signers` are all n + 1 parties, the device last: a run picks t and the device. */
export function dealtDeviceKey(backend: Backend, t: number, n: number, rng: Rng): DealtKey {
  const signers = indices(n + 1)
  const ssid = rng(32) as SessionId
  const coefficients = Array.from({ length: t }, () => randomScalar(rng))
  const own = randomScalar(rng)
  const shares = signers.map((i) => (i > n ? own : t === n ? randomScalar(rng) : valueAt(coefficients, i)))
  const ofNodes = t === n ? shares.slice(0, n).reduce((sum, s) => sum + s, 0n) : coefficients[0]!
  const secret = (ofNodes + own) % q
  return dealtFrom(backend, { signers, ssid, shares, secret, threshold: t + 1, epoch: 0, withDevice: true }, rng)
}

function indices(n: number): PartyIndex[] {
  return Array.from({ length: n }, (_, i) => partyIndex(i + 1))
}

type Dealt = Pick<DealtKey, 'secret' | 'signers'> &
  Pick<KeyShare, 'ssid' | 'threshold' | 'epoch' | 'withDevice'> & { readonly shares: readonly bigint[] }

function dealtFrom(backend: Backend, dealt: Dealt, rng: Rng): DealtKey {
  const { secret, signers, ssid, shares, threshold, epoch, withDevice } = dealt
  const common = {
    keyId: rng(32) as KeyId,
    epoch,
    ssid,
    threshold,
    parties: signers.length,
    ...(withDevice && { withDevice }),
    publicKey: backend.encode(backend.mulBase(secret)),
    publicShares: shares.map((s) => backend.encode(backend.mulBase(s))),
    chainCode: rng(32),
    identities: signers.map(() => rng(32)),
    conf: rng(32),
  }
  const shareOf = (self: PartyIndex): KeyShare => ({ ...common, self, secret: toBytes32(shares[self - 1]!) })

  const setups = dealPairs(backend, ssid, common.epoch, signers, rng)
  const keys = signers.map((self) => {
    const pairs = setups.get(self)!.map((setup): [PartyIndex, OpenPair] => [setup.peer, openPair(backend, setup)])
    return [self, { share: shareOf(self), pairs: new Map(pairs) }] as const
  })
  return { secret, signers, keys: new Map(keys), setups }
}

type Direction = { readonly alice: PairSetup['asAlice']; readonly bob: PairSetup['asBob'] }

function dealPairs(
  backend: Backend,
  ssid: Uint8Array,
  epoch: number,
  signers: readonly PartyIndex[],
  rng: Rng,
): ReadonlyMap<PartyIndex, readonly PairSetup[]> {
  const directions = new Map<string, Direction>()
  const zeroSeeds = new Map<string, Uint8Array>()
  for (const a of signers) {
    for (const b of signers.filter((j) => j !== a)) {
      const pd = TH(backend, 'pair', ssid, le32(epoch), le16(a), le16(b))
      directions.set(`${a},${b}`, dealDirection(backend, pd, rng))
      if (a < b) zeroSeeds.set(`${a},${b}`, rng(32))
    }
  }
  const setup = (self: PartyIndex, peer: PartyIndex): PairSetup => ({
    self,
    peer,
    zeroSeed: zeroSeeds.get(`${Math.min(self, peer)},${Math.max(self, peer)}`)!,
    asAlice: directions.get(`${self},${peer}`)!.alice,
    asBob: directions.get(`${peer},${self}`)!.bob,
  })
  return new Map(signers.map((self) => [self, signers.filter((j) => j !== self).map((peer) => setup(self, peer))]))
}

/** 128 base OTs as an ideal box would deal them, then the real trees. */
function dealDirection(backend: Backend, pd: Uint8Array, rng: Rng): Direction {
  const { choices, bobKeys, aliceKeys } = dealBaseOts(rng)
  const { message, seeds: bobSeeds } = pprfSend(backend, pd, bobKeys)
  const aliceSeeds = pprfReceive(backend, pd, choices, aliceKeys, message)
  if (aliceSeeds === undefined) throw new Error('the dealer made a tree that does not hold')
  const tag = rng(8)
  return { alice: { pd, tag, seeds: aliceSeeds }, bob: { pd, tag, seeds: bobSeeds } }
}
