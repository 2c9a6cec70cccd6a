import {
  abortStage as abortByRules,
  abortStatement,
  type Backend,
  commitStatement,
  type Fate,
  fateOf,
  statusStatement,
} from '@tandem/ecdsa'
import { keyId as asKeyId, sessionId } from '@tandem/rounds'
import {
  type AbortReceipt,
  type CommitReceipt,
  type EpochStatus,
  fromHex,
  type StageResponse,
  toHex,
  WireError,
} from '@tandem/wire'
import { audited } from '../audit/audit-outbox.ts'
import type { SigpairIdentity } from './identity.ts'
import { readKey } from './key-status.ts'
import { pairRefused } from './pair-store.ts'
import { finishRetirements, noteRetirements } from './retire.ts'
import type { StageName } from './stage-store.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import { keyAt, openStageAt, pairAt, type Stores } from '../stores.ts'

type Databases = Pick<Stores, 'parties' | 'presignatures' | 'now'>

export type ReceiptDeps = { readonly backend: Backend; readonly identity: SigpairIdentity }

/**
 * What became of a stage, with the receipt of what is final.
 *
 * @throws {WireError} `NOT_FOUND` for no key or another owner's, `KEY_DELETED`
 *
 * Source: docs/spec/refresh.md 3.5.
 */
export async function readStage(
  stores: Stores,
  deps: ReceiptDeps,
  owner: string,
  name: StageName,
): Promise<StageResponse> {
  const key = await owned(stores, owner, name.keyId)
  const fate = await truthOf(stores, key, name)
  const { keyId, current } = key
  return {
    fate,
    ...(fate === 'committed' && current ? { committed: commitReceipt(deps, keyId, current) } : {}),
    ...(fate === 'aborted' ? { aborted: abortReceipt(deps, keyId, name.stageId) } : {}),
    ...(current ? { status: statusOf(deps, key, current) } : {}),
  }
}

/**
 * Gives a stage up because its device asks for it. Repeatable; what is committed stays so.
 *
 * @throws {WireError} as {@link readStage}, and `KEY_FROZEN` where the stage may be in force
 *
 * Source: docs/spec/refresh.md 3.4.
 */
export async function abortStage(
  stores: Stores,
  deps: ReceiptDeps,
  owner: string,
  name: StageName,
): Promise<StageResponse> {
  await owned(stores, owner, name.keyId)
  await abortOpened(stores, name, { owner, reason: 'asked for' })
  return readStage(stores, deps, owner, name)
}

/** Who aborts, and why, for the log. */
export type Abortion = { readonly owner?: string; readonly reason: 'asked for' | 'a check failed' | 'too old' }

/** A stage that is begun or stored is aborted, and erased before this resolves. Nothing else changes. Repeatable. */
export async function abortOpened(stores: Databases, name: StageName, { owner, reason }: Abortion): Promise<void> {
  const { keyId, stageId } = name
  const before = await stores.parties.get(keyAt(keyId))
  if (before) await requireKnownPast(stores, before.data)
  await audited(stores, keyId, async (tx, note) => {
    const doc = await tx.get(keyAt(keyId))
    if (!doc) return
    const { key, erase } = abortByRules(doc.data, name)
    if (key === doc.data) return
    noteRetirements(tx, keyId, erase)
    tx.delete(openStageAt(keyId))
    tx.update(keyAt(keyId), { ...doc.data, ...key, opened: null }, { expireAt: doc.expireAt })
    note({ method: 'key.abort', owner, metadata: { stage: toHex(stageId), reason } })
  })
  await finishRetirements(stores, keyId)
}

/**
 * Before a stage is erased. A record whose current epoch has been retired comes from a copy that is older than the last commit:
 * its stage may be what is in force with the device.
 *
 * @throws {WireError} `KEY_FROZEN`
 *
 * Source: docs/spec/storage.md 4.4.
 */
export async function requireKnownPast(stores: Databases, key: KeyRecord): Promise<void> {
  if (!key.stage || (await isAlive(stores, key.keyId, key.current))) return
  if (await isAlive(stores, key.keyId, key.stage.held)) throw pairRefused('STALE') // check L11
}

/** What the rules say, unless the record is older than the last commit: such a one must not say that a stage is dead. */
async function truthOf(stores: Databases, key: KeyRecord, name: StageName): Promise<Fate> {
  const fate = fateOf(key, name)
  if (fate === 'committed') return fate
  if (!(await isAlive(stores, key.keyId, key.current))) return 'unknown' // check L11
  return fate
}

/** Whether the secrets of an epoch are there: not retired, not lost. Before the first one there is nothing to lose. */
async function isAlive(stores: Databases, keyId: string, epoch: EpochRecord | null): Promise<boolean> {
  if (!epoch) return true
  const pair = await stores.presignatures.get(pairAt({ keyId, ssid: epoch.ssid }))
  return pair !== undefined && pair.data.status !== 'RETIRED'
}

async function owned(stores: Stores, owner: string, keyId: string): Promise<KeyRecord> {
  const view = await readKey(stores, keyId)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  if (view.status === 'DELETED') throw new WireError('KEY_DELETED')
  return view.key
}

/** Signed anew each time; Ed25519 gives the same bytes. */
export function commitReceipt({ backend, identity }: ReceiptDeps, id: string, current: EpochRecord): CommitReceipt {
  const { stageId, epoch, conf } = current
  const statement = commitStatement(backend, { keyId: asKeyId(fromHex(id)), stageId, epoch, conf })
  const signature = toHex(identity.identity.sign(statement))
  return { keyId: id, stageId: toHex(stageId), epoch, conf: toHex(conf), signature }
}

function abortReceipt({ backend, identity }: ReceiptDeps, id: string, stageId: Uint8Array): AbortReceipt {
  const statement = abortStatement(backend, { keyId: asKeyId(fromHex(id)), stageId })
  return { keyId: id, stageId: toHex(stageId), signature: toHex(identity.identity.sign(statement)) }
}

function statusOf({ backend, identity }: ReceiptDeps, key: KeyRecord, { epoch, ssid }: EpochRecord): EpochStatus {
  const staged = key.stage?.held.stageId ?? key.begun
  const about = { keyId: asKeyId(fromHex(key.keyId)), epoch, ssid: sessionId(ssid), staged }
  const signature = toHex(identity.identity.sign(statusStatement(backend, about)))
  return { keyId: key.keyId, epoch, ssid: toHex(ssid), staged: staged && toHex(staged), signature }
}
