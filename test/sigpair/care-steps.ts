import { noble } from '@tandem/ecdsa'
import { beginEpoch, keyAt, type SigpairIdentity, type Stores } from '@tandem/sigpair'
import { type Intent, limits, toHex, WireError } from '@tandem/wire'
import type { Pool } from '../../sigpair/src/compute/pool.ts'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { deleteKey } from '../../sigpair/src/keys/delete.ts'
import { cancelExport, confirmExport, prepareExport } from '../../sigpair/src/keys/export.ts'
import { freeze } from '../../sigpair/src/keys/freeze.ts'
import { cancelRestore, confirmRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import type { Device } from '../helpers/device.ts'
import { deviceKeyOf, restoreProof } from '../helpers/recover.ts'
import { exportKey, say } from './care.ts'
import { completeNext, nextEpoch, rotateRequest, rotateTo } from './epochs.ts'
import { OWNER, stage, type TestKey, type World } from './world.ts'

// What an owner, and somebody who opened his backup, may do with a key in force, as steps that can come in any order. Refusals
// are answers; what is not one of ours is a bug.

export const STEPS = [
  ...(['ask for a restore', 'cancel a restore', 'begin a restore', 'confirm a restore'] as const),
  ...(['begin a rotation', 'store', 'complete', 'rotate', 'repair', 'freeze', 'back up'] as const),
  ...(['ask for an export', 'confirm an export', 'cancel an export', 'a minute passes'] as const),
] as const
export const RARE = ['delete', 'a day passes'] as const

type What = (typeof STEPS)[number] | (typeof RARE)[number]
export type Step = { readonly what: What; readonly which: number; readonly at: 0 | 1 }

type Staged = { readonly key: TestKey; readonly restoreId: string | null }

export type Model = {
  readonly world: World
  readonly instances: readonly [Stores, Stores]
  readonly identity: SigpairIdentity
  readonly pool: Pool
  /** as the enrolled device and the other one sign and are named */
  readonly devices: readonly [TestKey, TestKey]
  readonly newcomer: Device
  readonly recoveryKey: string
  /** every epoch that was ever begun, the last first */
  readonly staged: Staged[]
  readonly restores: string[]
  readonly cancelled: Set<string>
  readonly confirmed: Set<string>
  readonly exports: string[]
  readonly seen: { epoch: number; exported: boolean; deleted: boolean }
}

async function attempt<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (error instanceof WireError && error.code !== 'INTERNAL') return undefined
    throw error
  })
}

export const recordOf = async ({ instances, devices }: Model) =>
  (await instances[0].parties.get(keyAt(devices[0].keyId)))!.data

/** The epoch in force, as the devices know it. */
async function inForce(model: Model): Promise<TestKey> {
  const { current } = await recordOf(model)
  const known = model.staged.find(({ key }) => current && toHex(key.stageId) === toHex(current.stageId))
  return known?.key ?? model.devices[0]
}

const pick = <T>(list: readonly T[], which: number): T | undefined => list[which % Math.max(1, list.length)]

/** One step as it meets the model: what is in force, and who speaks. */
type Turn = {
  readonly model: Model
  readonly which: number
  readonly stores: Stores
  readonly now: TestKey
  readonly whose: { readonly keyId: string; readonly owner: string }
  /** by whom: the device in force or the first one, unless it says so */
  readonly said: (op: Intent['op'], body: object, by?: TestKey['sign'], epoch?: number) => Intent
}

async function turn(model: Model, { which, at }: Step): Promise<Turn> {
  const now = await inForce(model)
  const { sign } = which % 2 === 0 ? now : model.devices[0]
  const said: Turn['said'] = (op, body, by = sign, epoch = now.pair.epoch) =>
    say({ world: model.world, key: now }, { op, body, by, change: { epoch } })
  return { model, which, stores: model.instances[at], now, whose: { keyId: now.keyId, owner: OWNER }, said }
}

async function askRestore({ model, stores, now, whose, said }: Turn): Promise<void> {
  const device = model.newcomer
  const proof = restoreProof({ share: now.shares[0]!, device })
  const body = { reason: 'device-lost' as const, deviceKey: deviceKeyOf(device), proof }
  const request = { ...whose, body, intent: said('restore', body, device.sign) }
  const answer = await attempt(requestRestore(stores, { backend: noble, delayMs: 0 }, request))
  if (answer) model.restores.unshift(answer.restoreId)
}

async function takeBack({ model, which, stores, whose, said }: Turn): Promise<void> {
  const restoreId = pick(model.restores, which)
  if (!restoreId) return
  const body = { restoreId }
  const intent = said('restore-cancel', body, model.devices[0].sign)
  if (await attempt(cancelRestore(stores, { ...whose, body, intent }))) model.cancelled.add(restoreId)
}

async function beginStage({ model, stores, now }: Turn, restoreId: string | null): Promise<void> {
  const { device, sign } = restoreId === null ? now : model.devices[1]
  const key = { ...nextEpoch(now, model.world.rng), device, sign }
  const record = await recordOf(model)
  if (!record.current) return
  const asked = { key: record, current: record.current, device, restoreId }
  await attempt(beginEpoch(stores, () => key.stageId, asked))
  model.staged.unshift({ key, restoreId })
}

async function confirmStage({ model, which, stores, whose, said }: Turn): Promise<void> {
  const candidate = pick(model.staged, which)
  const restoreId = candidate?.restoreId ?? pick(model.restores, which)
  if (!candidate || !restoreId) return
  const { stageId, pair } = candidate.key
  const body = { restoreId, stageId: toHex(stageId), backups: { sigpair: 'waived', device: 'stored' } as const }
  const intent = said('restore-confirm', body, model.devices[1].sign, pair.epoch)
  const deps = { backend: noble, identity: model.identity }
  const answer = await attempt(confirmRestore(stores, deps, { ...whose, body, intent }))
  if (answer && candidate.restoreId !== null) model.confirmed.add(restoreId)
}

async function rotateStage({ model, which, stores, now }: Turn, change: { readonly repair?: true }): Promise<void> {
  const candidate = pick(model.staged, which)
  if (!candidate) return
  const { sign } = which % 2 === 0 ? now : model.devices[0]
  const request = rotateRequest(model.world, { ...candidate.key, sign }, change)
  await attempt(rotateTo(stores, model.identity, candidate.key, request))
}

async function askExport({ model, stores, whose, said }: Turn): Promise<void> {
  const body = { encryptionKey: exportKey(model.world.rng).encryptionKey }
  const request = { ...whose, body, intent: said('export', body) }
  const answer = await attempt(prepareExport(stores, { delayMs: 0 }, request))
  if (answer) model.exports.unshift(answer.exportId)
}

async function takeExport({ model, which, stores, whose, said }: Turn): Promise<void> {
  const exportId = pick(model.exports, which)
  if (!exportId) return
  const body = { exportId }
  const request = { ...whose, body, intent: said('export-confirm', body) }
  if (await attempt(confirmExport(stores, { tasks: model.pool.shareTasks }, request))) model.seen.exported = true
}

async function backUpNow({ model, stores, whose, said }: Turn): Promise<void> {
  const body = { encryptionKey: model.recoveryKey }
  const request = { ...whose, body, intent: said('backup', body) }
  await attempt(backUp(stores, { backend: noble, tasks: model.pool.shareTasks }, request))
}

const passes = (ms: number) => async (turn: Turn) => {
  turn.model.world.clock.now += ms
}

const ACTIONS: Record<What, (turn: Turn) => Promise<unknown>> = {
  'ask for a restore': askRestore,
  'cancel a restore': takeBack,
  'begin a restore': async (turn) => beginStage(turn, pick(turn.model.restores, turn.which) ?? null),
  'begin a rotation': async (turn) => beginStage(turn, null),
  store: async ({ model, which, stores }) => {
    const candidate = pick(model.staged, which)
    return candidate && attempt(stage({ stores }, candidate.key))
  },
  complete: async ({ model, which, stores }) => {
    const candidate = pick(model.staged, which)
    return candidate && attempt(completeNext({ stores }, candidate.key))
  },
  'confirm a restore': confirmStage,
  rotate: async (turn) => rotateStage(turn, {}),
  repair: async (turn) => rotateStage(turn, { repair: true }),
  freeze: async ({ stores, whose }) => attempt(freeze(stores, whose)),
  'ask for an export': askExport,
  'confirm an export': takeExport,
  'cancel an export': async ({ model, which, stores, whose }) => {
    const exportId = pick(model.exports, which)
    return exportId && attempt(cancelExport(stores, { ...whose, exportId }))
  },
  'back up': backUpNow,
  delete: async ({ stores, whose, said }) =>
    attempt(deleteKey(stores, { ...whose, body: {}, intent: said('delete', {}) })),
  'a minute passes': passes(60_000),
  'a day passes': passes(limits.CONFIRM_MS),
}

export async function take(model: Model, each: Step): Promise<void> {
  await ACTIONS[each.what](await turn(model, each))
}
