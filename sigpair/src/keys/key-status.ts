import type { PartyIndex } from '@tandem/rounds'
import { type KeyStatus, WireError } from '@tandem/wire'
import type { KeyBytes } from '../compute/port-messages.ts'
import { sameBytes } from '../crypto/hash.ts'
import { openShareWith } from './epoch-key.ts'
import { markStale, pairRefused, raiseUses } from './pair-store.ts'
import { openPeerPairs, type PairOf, pairsOf, peersIn } from './peer-pairs.ts'
import { PAIR } from '../parties.ts'
import type { EpochRecord, KeyRecord, PairRecord } from '../records.ts'
import type { PairInEpoch } from './presignature-store.ts'
import { keyAt, type PairName, pairAt, type Stores } from '../stores.ts'

/** A key with its pair: together they say whether it may be used. */
export type KeyView = {
  readonly key: KeyRecord
  /** of the current epoch, or of the staged one before the commit */
  readonly pair: PairRecord | undefined
  readonly status: KeyStatus
}

/**
 * Reads key and pair. A key record that is older than what its pair has seen has been restored from a copy: the pair is
 * marked, durably, before this resolves.
 *
 * Source: docs/spec/storage.md 3.6 and section 4.
 */
export async function readKey(stores: Stores, keyId: string): Promise<KeyView | undefined> {
  const key = (await stores.parties.get(keyAt(keyId)))?.data
  if (!key) return undefined
  const pair = await pairOf(stores, key)
  if (!pair || pair.uses <= key.uses) return { key, pair, status: statusOf(key, pair) }

  // Used between the two reads, or rolled back? The counter only grows, so one more look at the key tells.
  const now = (await stores.parties.get(keyAt(keyId)))?.data
  if (now && now.uses >= pair.uses) return { key: now, pair, status: statusOf(now, pair) }
  await markStale(stores, nameOf(pair)) // check L11
  const stale = await pairOf(stores, key)
  return { key, pair: stale, status: key.status === 'DELETED' ? 'DELETED' : blocked(stale) }
}

/** Spec: storage 3.6, the table. */
function statusOf({ status, current, stage }: KeyRecord, pair: PairRecord | undefined): KeyStatus {
  if (status === 'DELETED' || status === 'ERROR') return status
  if (pair?.status === 'POISONED') return 'FROZEN'
  if (status === 'PENDING') return pair?.status === 'STALE' && stage ? 'STALE' : 'PENDING'
  if (!pair || !current || pair.epoch !== current.epoch || !sameBytes(pair.ssid, current.ssid)) return 'STALE'
  if (pair.status === 'ACTIVE') return 'READY'
  return pair.status === 'RETIRED' ? 'STALE' : pair.status
}

function blocked(pair: PairRecord | undefined): KeyStatus {
  return pair?.status === 'POISONED' ? 'FROZEN' : 'STALE'
}

async function pairOf(
  { presignatures }: Stores,
  { keyId, current, stage }: KeyRecord,
): Promise<PairRecord | undefined> {
  const epoch = current ?? stage?.held
  return epoch ? (await presignatures.get(pairAt({ keyId, ssid: epoch.ssid })))?.data : undefined
}

const nameOf = ({ keyId, ssid }: PairRecord): PairName => ({ keyId, ssid })

/** The owner's encryption key for backups of Sigpair's share at this time, 33 bytes as 0x-hex. */
export function enrolledRecoveryKey({ recoveryKey: { current, pending } }: KeyRecord, now: number): string | null {
  return pending && pending.notBefore <= now ? pending.encryptionKey : current
}

/** A key that is READY, with the epoch in force. */
export type ReadyKey = {
  readonly key: KeyRecord
  readonly current: EpochRecord
  readonly pair: PairInEpoch
}

/**
 * The key, if this owner may use it now.
 *
 * @throws {WireError} `NOT_FOUND` for none or a foreign one, `KEY_DELETED`, `KEY_PENDING`, `INVALID_KEY_SHARE` after a failed
 *         generation, `KEY_FROZEN` with `details` FROZEN, STALE or SUSPENDED
 */
export async function readyKey(stores: Stores, keyId: string, owner: string): Promise<ReadyKey> {
  const { key, pair, current } = await usable(stores, keyId, owner)
  return { key, current, pair: { keyId: key.keyId, ssid: pair.ssid, epoch: pair.epoch } }
}

async function usable(stores: Stores, keyId: string, owner: string) {
  const view = await readKey(stores, keyId)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  const { key, pair, status } = view
  if (status !== 'READY') throw refusal(status)
  if (!pair || !key.current) throw pairRefused('STALE')
  return { key, pair, current: key.current }
}

function refusal(status: Exclude<KeyStatus, 'READY'>): WireError {
  if (status === 'DELETED') return new WireError('KEY_DELETED')
  if (status === 'PENDING') return new WireError('KEY_PENDING')
  if (status === 'ERROR') return new WireError('INVALID_KEY_SHARE')
  return new WireError('KEY_FROZEN', status)
}

export type LoadedKey = ReadyKey & {
  readonly pairOf: PairOf
  /** canonical encodings, the share's and of the pair with every other signer; the caller erases them */
  readonly bytes: KeyBytes
}

/**
 * Opens a key for a dialogue and notes on its pair how far its record has come. Which device the dialogue is held with is
 * the caller's question.
 *
 * @throws {WireError} as {@link readyKey}; `EPOCH_MISMATCH`, `INVALID_KEY_SHARE` for a sealed value that does not open;
 *         `UNAVAILABLE` for a member our pair with whom is not ACTIVE
 */
export async function loadForSigning(
  stores: Stores,
  { keyId, epoch, owner }: { readonly keyId: string; readonly epoch: number; readonly owner: string },
  signers: readonly PartyIndex[] = PAIR,
): Promise<LoadedKey> {
  const { key, pair, current } = await usable(stores, keyId, owner)
  if (current.epoch !== epoch) throw new WireError('EPOCH_MISMATCH')
  if (pair.uses < key.uses) await raiseUses(stores, nameOf(pair), key.uses)

  if (!pair.setup) throw new WireError('INVALID_KEY_SHARE')
  const pairOf = pairsOf(key.keyId, current)
  const others = peersIn(current).filter((peer) => signers.includes(peer))
  const [share, setup, peers] = await Promise.all([
    openShareWith(stores, key.keyId, current, pair),
    stores.sealer.open({ purpose: 'pair', keyId: key.keyId, epoch }, pair.setup),
    openPeerPairs(stores, { keyId: key.keyId, epoch, pairOf }, others),
  ])
  const name = { keyId: key.keyId, ssid: pair.ssid, epoch: pair.epoch }
  return { key, current, pair: name, pairOf, bytes: { share, pairs: [setup, ...peers] } }
}
