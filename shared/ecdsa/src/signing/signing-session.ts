import {
  type Once,
  type PartyIndex,
  type ProtocolName,
  type Rng,
  type RoundHeader,
  type SessionId,
  sessionId,
  UsageError,
} from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { le16, le32 } from '../math/bytes.ts'
import { H2S, TH } from '../math/hash.ts'
import { fromBytesBE, mod } from '../math/scalar.ts'
import type { AliceState, BobState } from '../multiply/rvole.ts'
import type { OpenPair } from '../pair.ts'
import type { KeyShare } from '../share.ts'
import { deviceOf, weightOf } from '../sharing.ts'

/** Who signs, in one run. Every signer must hold the same. */
export type SigningSession = {
  /** 32 random bytes of the initiator, never used before under this key */
  readonly sigid: SessionId
  /** ascending, exactly as many as the key's threshold, ourselves among them, and the device of a key that has one */
  readonly signers: readonly PartyIndex[]
}

/** A key share with the pairs it signs with. */
export type SigningKey = {
  readonly share: KeyShare
  readonly pairs: ReadonlyMap<PartyIndex, OpenPair>
}

export type SigningDeps = {
  readonly backend: Backend
  readonly rng: Rng
}

/** One run of presigning or signing, as one party sees it. */
export type SigningRun = SigningDeps & {
  readonly key: SigningKey
  readonly signers: readonly PartyIndex[]
  readonly self: PartyIndex
  /** the signers but ourselves, with the pair we share with each */
  readonly peers: readonly OpenPair[]
  readonly sid: SessionId
  readonly header: (round: number) => RoundHeader
  /** states of multiplications that wait for an answer; erased when the run is over, however it ends */
  readonly waiting: Waiting[]
}

export type Waiting = Once<AliceState> | Once<BobState>

const MODES = { presign: 0, sign: 1 } as const

/**
 * @param protocol `presign` if the message is not known yet
 * @param bind     32 bytes that tie the run to its message; zeros for presigning
 * @throws {UsageError} if the signers are not a sorted set of threshold size that contains us, or a pair is missing
 *
 * Source: docs/spec/sign.md.
 */
export function startSigning(
  protocol: Extract<ProtocolName, keyof typeof MODES>,
  { sigid, signers }: SigningSession,
  key: SigningKey,
  deps: SigningDeps,
  bind: Uint8Array,
): SigningRun {
  const { share, pairs } = key
  const ascending = signers.every((i, at) => i <= share.parties && (at === 0 || signers[at - 1]! < i))
  if (!ascending || signers.length !== share.threshold) throw new UsageError('not a signer set of this key') // check S1
  const device = deviceOf(share)
  if (device !== null && !signers.includes(device)) throw new UsageError('nobody signs without the device') // check S1
  if (!signers.includes(share.self)) throw new UsageError('not a signer of this run') // check S1
  const others = signers.filter((j) => j !== share.self)
  const peers = others.flatMap((j) => pairs.get(j) ?? [])
  if (peers.length !== others.length) throw new UsageError('no pair with one of the signers') // check S1

  const sid = sessionId(
    TH(
      deps.backend,
      'sign/sid',
      share.ssid,
      le32(share.epoch),
      Uint8Array.of(MODES[protocol]),
      sigid,
      le16(signers.length),
      ...signers.map(le16),
      bind,
    ),
  )
  const header = (round: number): RoundHeader => ({ protocol, round, sid, epoch: share.epoch })
  return { ...deps, key, signers, self: share.self, peers, sid, header, waiting: [] }
}

/** Which multiplication of the run: `alice` brings r and sk, `bob` brings χ. */
export function directionId(run: SigningRun, alice: PartyIndex, bob: PartyIndex): Uint8Array {
  return TH(run.backend, 'rv', run.sid, le16(alice), le16(bob))
}

/**
 * sk_i = w_i(S)·s_i + ζ_i: the share as it enters this run. The ζ add up to zero, so Σsk = x, and each sk alone is fresh:
 * what a failed run reveals about it says nothing about s_i. Spec: sign, round 2.
 */
export function sessionShare({ backend, key, signers, self, peers, sid }: SigningRun): bigint {
  let sk = weightOf(key.share, self, signers) * fromBytesBE(key.share.secret)
  for (const { peer, zeroSeed } of peers) {
    const zeta = H2S(backend, 'zero', sid, zeroSeed)
    sk += self < peer ? zeta : -zeta
  }
  return mod(sk)
}
