import { keyId, MAX_PARTIES, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import type { Backend } from './math/backend.ts'
import { concat, equalBytes, le32, split } from './math/bytes.ts'
import type { Sha2 } from './math/hash.ts'
import { decodePoint, POINT_BYTES } from './math/points.ts'
import { decodeScalar } from './math/scalar.ts'
import { directionOf } from './staging/pairing.ts'
import { hideSecrets, type KeygenResult, type KeyShare, type PairSetup } from './share.ts'
import { areSharesOf, isSharing, modeBytes, modeOf } from './sharing.ts'

// How a share rests. One encoding, of one length, per version; sealing (encryption and authentication) is the host's.
// Source: docs/spec/storage.md.
//
//     share  offset  bytes  field                 pair  offset  bytes  field
//            0       4      "TSHR"                      0       4      "TPAR"
//            4       1      version, 1 or 2             4       1      version, 1
//            5       1      self                        5       1      self
//            6       1      threshold                   6       1      peer
//            7       1      parties, n                  7       32     zeroSeed
//            8       4      epoch, LE                   39      32+8   asAlice: pd, tag
//            12      32     keyId                       79      32     punctured
//            44      32     ssid                        111     2048   coPath
//            76      32     secret                      2159    32+8   asBob: pd, tag
//            108     33     publicKey                   2199    1024   roots
//            141     32     chainCode                   3223    8      checksum
//            173     32     conf
//            205     33·n   publicShares
//            …       32·n   identities
//            …       1      mode, 1: version 2 only
//            …       8      checksum
//
// Version 2 is of a key with a device, version 1 of any other: a reader that knows no devices refuses it.

const SHARE_MAGIC = Uint8Array.of(0x54, 0x53, 0x48, 0x52)
const PAIR_MAGIC = Uint8Array.of(0x54, 0x50, 0x41, 0x52, 1)
const CHECKSUM_BYTES = 8
const SHARE_HEAD = [4, 1, 1, 1, 1, 4, 32, 32, 32, POINT_BYTES, 32, 32] as const
const PAIR_PARTS = [5, 1, 1, 32, 32, 8, 32, 2048, 32, 8, 1024] as const
const PAIR_BYTES = 3231

/** What a party stores before it acknowledges: everything of the result but the others' acknowledgements. */
export type Stage = Pick<KeygenResult, 'share' | 'pairs'>

/** 213 + 65·n bytes, one more with a device. */
export function encodeShare(sha: Sha2, share: KeyShare): Uint8Array {
  const { self, threshold, parties, epoch, keyId, ssid, secret, publicKey, chainCode, conf } = share
  const mode = modeBytes(share)
  return withChecksum(
    sha,
    concat(
      ...[SHARE_MAGIC, Uint8Array.of(1 + mode.length, self, threshold, parties), le32(epoch), keyId, ssid, secret],
      ...[publicKey, chainCode, conf, ...share.publicShares, ...share.identities, ...mode],
    ),
  )
}

/** @throws {UsageError} for any other bytes than {@link encodeShare} makes of a share that holds */
export function decodeShare(backend: Backend, bytes: Uint8Array): KeyShare {
  const n = bytes[7] ?? 0
  const withDevice = bytes[4] === 2
  const body = withoutChecksum(backend, bytes, shareBytes(bytes))
  const head = split(body, ...SHARE_HEAD)
  const [magic, version, self, threshold, , epoch, key, ssid, secret, publicKey, chainCode, conf] = head
  const points = total(SHARE_HEAD)
  const rows = (start: number, width: number) =>
    Array.from({ length: n }, (_, i) => body.slice(start + i * width, start + (i + 1) * width))
  const share: KeyShare = hideSecrets({
    ...{ keyId: keyId(key), epoch: new DataView(epoch.buffer).getUint32(0, true), ssid: sessionId(ssid) },
    ...{ self: partyIndex(self[0]!), threshold: threshold[0]!, parties: n, secret, publicKey, chainCode, conf },
    ...modeOf({ withDevice }),
    publicShares: rows(points, POINT_BYTES),
    identities: rows(points + n * POINT_BYTES, 32),
  })
  if (!equalBytes(magic, SHARE_MAGIC) || (!withDevice && version[0] !== 1)) throw damaged('version')
  if (withDevice && body.at(-1) !== 1) throw damaged('mode')
  if (!isSharing(share) || n > MAX_PARTIES || share.self > n) throw damaged('parties')
  if (!shareHolds(backend, share)) throw damaged('share')
  return share
}

/** 3231 bytes. */
export function encodePair(sha: Sha2, { self, peer, zeroSeed, asAlice, asBob }: PairSetup): Uint8Array {
  return withChecksum(
    sha,
    concat(
      ...[PAIR_MAGIC, Uint8Array.of(self, peer), zeroSeed],
      ...[asAlice.pd, asAlice.tag, asAlice.seeds.punctured, asAlice.seeds.coPath],
      ...[asBob.pd, asBob.tag, asBob.seeds.roots],
    ),
  )
}

/**
 * @param share the key the pair must belong to: a pair of another key, epoch or peer is refused
 * @throws {UsageError} for any other bytes than {@link encodePair} makes
 */
export function decodePair(backend: Backend, share: KeyShare, bytes: Uint8Array): PairSetup {
  const body = withoutChecksum(backend, bytes, PAIR_BYTES)
  const [magic, selfByte, peerByte, zeroSeed, alicePd, aliceTag, punctured, coPath, bobPd, bobTag, roots] = split(
    body,
    ...PAIR_PARTS,
  )
  if (!equalBytes(magic, PAIR_MAGIC)) throw damaged('version')
  const self = partyIndex(selfByte[0]!)
  const peer = partyIndex(peerByte[0]!)
  if (self !== share.self || peer === self || peer > share.parties) throw damaged('parties')
  const run = { backend, ssid: share.ssid, epoch: share.epoch }
  const ours = equalBytes(alicePd, directionOf(run, self, peer)) && equalBytes(bobPd, directionOf(run, peer, self))
  if (!ours) throw damaged('pair') // check L3
  if (punctured.some((y) => y > 15)) throw damaged('seeds')
  return hideSecrets({
    ...{ self, peer, zeroSeed },
    asAlice: { pd: alicePd, tag: aliceTag, seeds: { punctured, coPath } },
    asBob: { pd: bobPd, tag: bobTag, seeds: { roots } },
  })
}

/** Share and pairs, one after the other: 3574 bytes for two parties. */
export function encodeStage(sha: Sha2, { share, pairs }: Stage): Uint8Array {
  return concat(encodeShare(sha, share), ...pairs.map((pair) => encodePair(sha, pair)))
}

/** @throws {UsageError} for any other bytes than {@link encodeStage} makes of a complete setup */
export function decodeStage(backend: Backend, bytes: Uint8Array): Stage {
  const size = shareBytes(bytes)
  const share = decodeShare(backend, bytes.slice(0, size))
  if (bytes.length !== size + (share.parties - 1) * PAIR_BYTES) throw damaged('length')
  const pairs = Array.from({ length: share.parties - 1 }, (_, i) =>
    decodePair(backend, share, bytes.slice(size + i * PAIR_BYTES, size + (i + 1) * PAIR_BYTES)),
  )
  const inOrder = pairs.every(({ peer }, i) => peer === (i + 1 < share.self ? i + 1 : i + 2))
  if (!inOrder) throw damaged('pairs')
  return hideSecrets({ share, pairs })
}

/** The invariants of a share: `secret·G = X_self`, the X_j are the points of shares of X, and none is the identity. */
export function shareHolds(
  backend: Backend,
  share: Pick<KeyShare, 'self' | 'threshold' | 'withDevice' | 'secret' | 'publicKey' | 'publicShares'>,
): boolean {
  const secret = decodeScalar(share.secret)
  const X = decodePoint(backend, share.publicKey)
  const shares = share.publicShares.map((bytes) => decodePoint(backend, bytes))
  const own = shares[share.self - 1]
  if (!secret || X === undefined || own === undefined) return false
  if (!shares.every((P) => P !== undefined)) return false
  return backend.equal(backend.mulBase(secret), own) && areSharesOf(backend, share, X, shares)
}

/** Length of the share that begins like this. */
function shareBytes(bytes: Uint8Array): number {
  const mode = bytes[4] === 2 ? 1 : 0
  return total(SHARE_HEAD) + (bytes[7] ?? 0) * (POINT_BYTES + 32) + mode + CHECKSUM_BYTES
}

function total(parts: readonly number[]): number {
  return parts.reduce((sum, part) => sum + part, 0)
}

/** Against rot, not against anybody: a damaged seed must not look like a cheating peer later. */
function withChecksum(sha: Sha2, body: Uint8Array): Uint8Array {
  return concat(body, sha.sha256(body).subarray(0, CHECKSUM_BYTES))
}

function withoutChecksum(sha: Sha2, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw damaged('length')
  const body = bytes.slice(0, length - CHECKSUM_BYTES)
  const sum = sha.sha256(body).subarray(0, CHECKSUM_BYTES)
  if (!equalBytes(sum, bytes.subarray(length - CHECKSUM_BYTES))) throw damaged('checksum')
  return body
}

/** Names the part, never a byte of it. */
function damaged(part: string): UsageError {
  return new UsageError(`stored key material is damaged: ${part}`)
}
