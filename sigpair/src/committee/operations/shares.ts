import {
  decodePair,
  decodeShare,
  decodeStage,
  encodePair,
  encodeShare,
  type KeyShare,
  type OpenPair,
  openPair,
  type PairSetup,
  presign,
  rehearsalQuorums,
  type SigningKey,
} from '@tandem/ecdsa'
import { type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import { canonicalJson, type CallerRequest, type CommitteeKey, toHex } from '@tandem/wire'
import { addr } from 'micro-eth-signer'
import { sha256 } from '../../crypto/hash.ts'
import { erase, eraseStage } from '../../compute/erase.ts'
import { pairRefused } from '../../keys/pair-store.ts'
import type { Sealed } from '../../records.ts'
import type { Seals } from '../../seal/seal.ts'
import { pairAt } from '../../stores.ts'
import type { NodeName } from '../network.ts'
import { freshPair, markRehearsed, stage } from './keys.ts'
import type { Node } from './node.ts'
import { keyOf, pairName, type ShareRecord } from './records.ts'
import { runIn } from './run-session.ts'
import type { Session } from './sessions.ts'

/** Which run stages, and for whom: what the share's record says beside the share. */
export type Staging = Pick<ShareRecord, 'protocol' | 'attempt' | 'stageId'> & {
  /** the caller's request that named the committee */
  readonly order: CallerRequest
  readonly members: readonly NodeName[]
}

/**
 * Keeps what a run has made, and rehearses it: our acknowledgement leaves after this, so a certificate is of a key whose every
 * pair has signed. Source: docs/spec/committee.md 6.3.
 *
 * @param bytes the stage entry of the run; overwritten
 */
export async function stageAndRehearse(node: Node, session: Session, bytes: Uint8Array, of: Staging): Promise<void> {
  const made = decodeStage(node.arithmetic.backend, bytes)
  bytes.fill(0)
  try {
    const sealed = await seal(node, session.keyId, made.share, made.pairs, of)
    await stage(node, session.keyId, sealed)
    await rehearse(node, session, made.share, made.pairs, of.members)
    await markRehearsed(node, session.keyId, of)
  } finally {
    eraseStage(made)
  }
}

async function seal(
  node: Node,
  keyId: string,
  share: KeyShare,
  setups: readonly PairSetup[],
  { order, members, ...of }: Staging,
) {
  const { backend } = node.arithmetic
  const { epoch, ssid, conf, self } = share
  const seals = node.sealer.session()
  const sealOnce = async (purpose: 'share' | 'pair', plain: Uint8Array): Promise<Sealed> => {
    try {
      return await seals.seal({ purpose, keyId, epoch }, plain)
    } finally {
      plain.fill(0)
    }
  }
  try {
    const key = canonicalJson(publicKeyOf(keyId, share, { ...of, members }))
    const data = await sealOnce('share', encodeShare(backend, share))
    const record = { ...of, ssid, conf, epoch, order: canonicalJson(order), key, self, data, rehearsed: false }
    const pairs = []
    for (const setup of setups) {
      const name = pairName(keyId, ssid, members[setup.peer - 1]!)
      pairs.push({ name, record: freshPair(name, epoch, await sealOnce('pair', encodePair(backend, setup))) })
    }
    return { share: record, pairs }
  } finally {
    seals.end()
  }
}

function publicKeyOf(
  keyId: string,
  share: Pick<KeyShare, 'epoch' | 'threshold' | 'publicKey' | 'chainCode'>,
  { stageId, members }: Pick<Staging, 'stageId' | 'members'>,
): CommitteeKey {
  const { epoch, threshold, publicKey, chainCode } = share
  return {
    ...{ keyId, keySessionId: toHex(stageId), status: 'READY', epoch, members: [...members], threshold },
    ...{ publicKey: toHex(publicKey), chainCode: toHex(chainCode), address: addr.fromPublicKey(publicKey) },
  }
}

async function rehearse(
  node: Node,
  session: Session,
  share: KeyShare,
  setups: readonly PairSetup[],
  members: readonly NodeName[],
): Promise<void> {
  const { backend } = node.arithmetic
  const pairs = new Map<PartyIndex, OpenPair>()
  for (const setup of setups) {
    pairs.set(setup.peer, openPair(backend, setup))
    await node.breathe()
  }
  const quorums = rehearsalQuorums(share).filter((signers) => signers.includes(share.self))
  for (const signers of quorums) {
    const sigid = sessionId(sha256(Uint8Array.of(...share.ssid, ...signers)))
    const run = presign({ sigid, signers }, { share, pairs }, node.arithmetic)
    await runIn(node, session, run, { places: members, ssid: share.ssid, sharing: share, store: async () => {} })
  }
}

/** Our share in force. The caller overwrites its secret. @throws {WireError} `INVALID_KEY_SHARE` */
export async function openShare(
  { arithmetic, sealer }: Node,
  keyId: string,
  { data, epoch }: ShareRecord,
  seals: Seals = sealer,
): Promise<KeyShare> {
  const bytes = await seals.open({ purpose: 'share', keyId, epoch }, data)
  try {
    return decodeShare(arithmetic.backend, bytes)
  } finally {
    bytes.fill(0)
  }
}

/**
 * With the pairs that these signers need; the caller overwrites it with {@link eraseSigningKey}.
 *
 * @throws {WireError} as {@link pairRefused} for one that is not ACTIVE
 */
export async function openSigningKey(
  node: Node,
  keyId: string,
  record: ShareRecord,
  signers: readonly PartyIndex[],
): Promise<SigningKey> {
  const sealed = await activePairs(node, keyId, record, signers)
  // What a run has sealed together is opened together: KMS is asked for two keys, at once, and not for one of each pair.
  const seals = node.sealer.session()
  const opening = sealed.map((setup) => seals.open({ purpose: 'pair', keyId, epoch: record.epoch }, setup))
  const [share, ...setups] = await Promise.allSettled([openShare(node, keyId, record, seals), ...opening])
  seals.end()
  try {
    if (share.status === 'rejected') throw share.reason
    return { share: share.value, pairs: await openPairs(node, share.value, setups) }
  } catch (cause) {
    if (share.status === 'fulfilled') erase(share.value.secret)
    throw cause
  } finally {
    erase(...setups.flatMap((setup) => (setup.status === 'fulfilled' ? [setup.value] : [])))
  }
}

async function activePairs(node: Node, keyId: string, record: ShareRecord, signers: readonly PartyIndex[]) {
  const { members } = keyOf(record)
  const peers = signers.filter((index) => index !== record.self)
  const names = peers.map((peer) => pairName(keyId, record.ssid, members[peer - 1]!))
  const found = await Promise.all(names.map((name) => node.store.get(pairAt(name))))
  return found.map((doc) => {
    if (doc?.data.status !== 'ACTIVE' || !doc.data.setup) throw pairRefused(doc?.data.status ?? 'STALE')
    return doc.data.setup
  })
}

async function openPairs(
  { arithmetic: { backend }, breathe }: Node,
  share: KeyShare,
  setups: readonly PromiseSettledResult<Uint8Array>[],
): Promise<ReadonlyMap<PartyIndex, OpenPair>> {
  const pairs = new Map<PartyIndex, OpenPair>()
  for (const setup of setups) {
    if (setup.status === 'rejected') throw setup.reason
    const pair = openPair(backend, decodePair(backend, share, setup.value))
    pairs.set(pair.peer, pair)
    await breathe()
  }
  return pairs
}

/** The share, and the pairs as they were expanded. */
export function eraseSigningKey({ share, pairs }: SigningKey): void {
  erase(share.secret)
  for (const { zeroSeed, alice, bob } of pairs.values()) {
    erase(zeroSeed, alice.leaves.leaves, alice.leaves.punctured, bob.leaves.leaves)
  }
}

/** The members with whom our pair is ACTIVE. */
export async function activePeers(node: Node, keyId: string, record: ShareRecord): Promise<readonly NodeName[]> {
  const others = keyOf(record).members.filter((member) => member !== node.self)
  const found = await Promise.all(others.map((peer) => node.store.get(pairAt(pairName(keyId, record.ssid, peer)))))
  return others.filter((_, at) => found[at]?.data.status === 'ACTIVE')
}

export function indexOf(members: readonly NodeName[], name: NodeName): PartyIndex {
  return partyIndex(members.indexOf(name) + 1)
}
