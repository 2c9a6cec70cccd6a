import { encodeShare, hideSecrets, shareHolds } from '@tandem/ecdsa'
import { keyId as asKeyId, sessionId } from '@tandem/rounds'
import { fromHex, type Hello, toHex, WireError } from '@tandem/wire'
import { arithmetic } from '../compute/arithmetic.ts'
import { erase } from '../compute/erase.ts'
import type { AbortFacts, RefreshJob } from '../compute/port-messages.ts'
import { sha2 } from '../crypto/hash.ts'
import { openShare } from '../keys/epoch-key.ts'
import { poison, strike } from '../keys/pair-store.ts'
import { beginEpoch, type BegunEpoch, type NewEpoch, refreshable } from '../keys/stage-begin.ts'
import { abortOpened } from '../keys/stage-fate.ts'
import { backUpStaged, completeStage, type StageName } from '../keys/stage-store.ts'
import { type PairOf, pairsOf } from '../keys/peer-pairs.ts'
import { requireSameMembers, stageIdIn } from '../member/member.ts'
import { identitiesWith } from './dialogue-keygen.ts'
import type { Open, Operation, OperationDeps } from './operation.ts'
import { SIGPAIR } from '../parties.ts'
import type { KeyRecord } from '../records.ts'
import { blamedFor, isDecided, recordStage } from './staging.ts'

/**
 * New shares of a key, staged beside the old ones, which go on working until the commit, another call's. Open in every status
 * from READY to FROZEN: nothing but the share is needed, and this is what puts a key right.
 *
 * Source: docs/spec/flows.md, section 9.
 */
export const openRefresh: Open = async (deps, { ticket, hello }) => {
  const { keyId, epoch, sub: owner, cnf: device } = ticket
  const { key, current } = await refreshable(deps.stores, { keyId, epoch, owner })
  const share = await openShare(deps.stores, key.keyId, current)
  return openNewEpoch(deps, { key, current, device, restoreId: null }, share, hello)
}

/**
 * A dialogue that ends in a staged epoch: of a refresh, or of a restore with the new device as party 1.
 *
 * @param share our encoded share of the epoch in force, overwritten when the dialogue ends; or the device sends what its owner
 *              has opened, in its first frame, and that must be this share
 * @throws {WireError} as {@link beginEpoch}
 */
export async function openNewEpoch(
  deps: OperationDeps,
  asked: NewEpoch,
  share: Uint8Array | 'from the device',
  hello: Hello,
): Promise<Operation> {
  const held = typeof share === 'string' ? [] : [share]
  const { member } = deps
  try {
    if (member) requireSameMembers(member, asked.current)
    const begun = await beginEpoch(deps.stores, member ? () => stageIdIn(hello) : deps.rng, asked)
    const jobFor = (bytes: Uint8Array) => jobOf(deps, asked, begun, bytes)
    return {
      ...staging(deps, asked, begun),
      job: typeof share === 'string' ? (opened) => jobFor(restoredShare(deps, asked, opened)) : jobFor(share),
      end: () => erase(...held),
    }
  } catch (error) {
    erase(...held)
    throw error
  }
}

function jobOf(
  deps: OperationDeps,
  { device }: NewEpoch,
  { stageId, recoveryKey }: BegunEpoch,
  share: Uint8Array,
): RefreshJob & { readonly roundMs: number } {
  const { identity, roundMs } = deps
  return {
    op: 'refresh',
    share,
    identities: identitiesWith(deps, fromHex(device.identity)),
    identityKey: identity.identity.key,
    stageId: sessionId(stageId),
    recoveryKey: recoveryKey === null ? null : fromHex(recoveryKey),
    roundMs,
  }
}

/** What of the dialogue becomes durable, and when. */
function staging(
  deps: OperationDeps,
  asked: NewEpoch,
  { stageId, recoveryKey }: BegunEpoch,
): Omit<Operation, 'job' | 'end'> {
  const { stores } = deps
  const { keyId } = asked.key
  const name = { keyId, stageId, epoch: asked.current.epoch + 1 }
  const { record, pairOf } = recordStage(stores, keyId, stageId)
  return {
    answer: { stageId: toHex(stageId), ...(recoveryKey === null ? {} : { recoveryKey }) },
    record: async (entry) => {
      if (entry.entry !== 'backup' || recoveryKey === null) return record(entry)
      await backUpStaged(stores, name, { recoveryKey, ciphertext: entry.bytes })
    },
    finish: async (certificate) => {
      await completeStage(stores, name, certificate)
      return {}
    },
    aborted: async (abort) => settle(deps, asked, { name, staged: pairOf(), abort }),
  }
}

type Aborted = {
  readonly name: StageName
  /** of the staged epoch, if it was stored */
  readonly staged: PairOf | undefined
  readonly abort: AbortFacts
}

/** A cheat in a refresh touches no secret in force, and counts there all the same: last, for it is not repeatable. */
async function settle(
  deps: OperationDeps,
  { key: { keyId }, current }: NewEpoch,
  { name, staged, abort }: Aborted,
): Promise<void> {
  const { stores } = deps
  const blamed = blamedFor(deps, abort)
  if (abort.verdict === 'ban' && staged) for (const one of blamed) await poison(stores, staged(one))
  if (isDecided(abort)) await abortOpened(stores, name, { reason: 'a check failed' })
  if (abort.verdict !== 'retry') for (const one of blamed) await strike(stores, pairsOf(keyId, current)(one))
}

/**
 * Our share of the epoch in force, from our public record and the secret the owner's backup held. The secret is overwritten.
 *
 * @throws {WireError} `INVALID_KEY_SHARE` unless x2·G is the X2 of our record. Spec: flows 12.3
 */
function restoredShare({ identity }: OperationDeps, { key, current }: NewEpoch, opened: Uint8Array): Uint8Array {
  const { epoch, publicKey, publicShares, chainCode, conf } = current
  const share = hideSecrets({
    ...{ keyId: asKeyId(fromHex(key.keyId)), epoch, ssid: sessionId(current.ssid), self: SIGPAIR, secret: opened },
    ...{ threshold: 2, parties: 2, publicKey, publicShares, chainCode, conf },
    identities: identitiesOf(key, identity.identity.publicKey),
  })
  try {
    if (!shareHolds(arithmetic().backend, share)) throw new WireError('INVALID_KEY_SHARE') // check L6
    return encodeShare(sha2, share)
  } finally {
    erase(opened)
  }
}

function identitiesOf({ device }: KeyRecord, ours: Uint8Array): readonly Uint8Array[] {
  return [fromHex(device.identity), ours]
}
