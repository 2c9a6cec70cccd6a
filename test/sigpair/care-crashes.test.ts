import { noble } from '@tandem/ecdsa'
import { keyAt, loadIdentity, pairAt, readKey, type Stores } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { deliverOutbox } from '../../sigpair/src/audit/audit-outbox.ts'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { cancelExport, confirmExport, prepareExport } from '../../sigpair/src/keys/export.ts'
import { changeRecoveryKey } from '../../sigpair/src/keys/recovery-key.ts'
import { cancelRestore, confirmRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import { createDevice } from '../helpers/device.ts'
import { deviceKeyOf, restoreProof } from '../helpers/recover.ts'
import { auditOf, careful, dyingAt, eventsOf, exportKey, ownerKey, renew, say } from './care.ts'
import { beginNext, completeNext, nextEpoch } from './epochs.ts'
import { OWNER, stage, type TestKey } from './world.ts'

// Every operation on a key in force, killed before each of its durable writes and repeated: what it does happens once.

const care = careful()

type Act = (stores: Stores) => Promise<object>

/** One request, to be made as often as one likes. What comes before it is done already. */
type Operation = { readonly line: string; readonly event?: string; readonly prepare: () => Promise<Act> }

const whose = () => ({ keyId: care.key.keyId, owner: OWNER })

async function prepared(): Promise<string> {
  const body = { encryptionKey: exportKey(care.world.rng).encryptionKey }
  const intent = say(care, { op: 'export', body })
  return (await prepareExport(care.world.stores, { delayMs: 0 }, { ...whose(), body, intent })).exportId
}

function restoring(device = createDevice(care.world.rng)): {
  readonly act: (stores: Stores) => ReturnType<typeof requestRestore>
} {
  const proof = restoreProof({ share: care.key.shares[0]!, device })
  const body = { reason: 'device-lost' as const, deviceKey: deviceKeyOf(device), proof }
  const intent = say(care, { op: 'restore', body, by: device.sign })
  return { act: async (stores) => requestRestore(stores, { backend: noble, delayMs: 0 }, { ...whose(), body, intent }) }
}

const OPERATIONS: readonly Operation[] = [
  {
    line: 'key.backup',
    prepare: async () => {
      const body = { encryptionKey: ownerKey(care.world.rng).encryptionKey }
      const intent = say(care, { op: 'backup', body })
      const tasks = care.pool.shareTasks
      return async (stores) => backUp(stores, { backend: noble, tasks }, { ...whose(), body, intent })
    },
  },
  {
    line: 'key.recovery-key',
    prepare: async () => {
      const body = { encryptionKey: ownerKey(care.world.rng).encryptionKey }
      const intent = say(care, { op: 'recovery-key', body })
      return async (stores) => changeRecoveryKey(stores, { backend: noble, delayMs: 1 }, { ...whose(), body, intent })
    },
  },
  {
    line: 'key.export',
    prepare: async () => {
      const body = { encryptionKey: exportKey(care.world.rng).encryptionKey }
      const intent = say(care, { op: 'export', body })
      return async (stores) => prepareExport(stores, { delayMs: 0 }, { ...whose(), body, intent })
    },
  },
  {
    line: 'key.export-confirm',
    event: 'key.exported',
    prepare: async () => {
      const body = { exportId: await prepared() }
      const intent = say(care, { op: 'export-confirm', body })
      const tasks = care.pool.shareTasks
      return async (stores) => {
        const { epoch, publicShare } = await confirmExport(stores, { tasks }, { ...whose(), body, intent })
        return { epoch, publicShare }
      }
    },
  },
  {
    line: 'key.export-cancel',
    prepare: async () => {
      const exportId = await prepared()
      return async (stores) => cancelExport(stores, { ...whose(), exportId })
    },
  },
  { line: 'key.restore', event: 'key.restoring', prepare: async () => restoring().act },
  {
    line: 'key.restore-cancel',
    prepare: async () => {
      const { restoreId } = await restoring().act(care.world.stores)
      const body = { restoreId }
      const intent = say(care, { op: 'restore-cancel', body })
      return async (stores) => cancelRestore(stores, { ...whose(), body, intent })
    },
  },
]

const usesOf = async () => (await care.world.stores.parties.get(keyAt(care.key.keyId)))?.data.uses ?? 0

test.each(OPERATIONS)('$line happens once, whichever write it dies at', async ({ line, event, prepare }) => {
  for (let writes = 0; ; writes++) {
    await renew(care)
    const act = await prepare()
    const before = await usesOf()
    const first = await act(dyingAt(care.world.stores, writes)).catch((error: unknown) => error)
    const done = (await usesOf()) > before
    expect(done).toBe(writes > 0)
    const again = await act(care.world.stores)
    if (!(first instanceof Error)) expect(again).toEqual(first)
    expect(await act(care.world.instance())).toEqual(again)

    expect(await usesOf()).toBe(before + 1)
    await deliverOutbox(care.world.stores)
    expect((await auditOf(care)).filter(({ methodName }) => methodName === line)).toHaveLength(1)
    const events = (await eventsOf(care)).slice(2)
    if (event !== undefined) expect(events.filter((type) => type === event)).toHaveLength(1)
    if (first instanceof Error) continue
    expect(writes).toBeGreaterThan(2)
    return
  }
})

/** A restore whose dialogue is over, and what is left to do with it. */
async function stagedRestore() {
  const { world, key } = care
  const device = createDevice(world.rng)
  const { restoreId } = await restoring(device).act(world.stores)
  const next = { ...nextEpoch(key, world.rng), device: device.cnf, sign: device.sign }
  await beginNext(world, next, { restoreId })
  await stage(world, next)
  await completeNext(world, next)
  return { next, restoreId }
}

const pairOf = async (key: TestKey) => (await care.world.stores.presignatures.get(pairAt(key.pair)))?.data
const retired = { status: 'RETIRED', setup: null, epochKey: null }

/** Runs it with a death before each of its writes, and once more in full; answers how many writes there are. */
async function dieAtEach(
  prepare: () => Promise<{ act: Act; check: (answer: object) => Promise<void> }>,
): Promise<number> {
  for (let writes = 0; ; writes++) {
    await renew(care)
    const { act, check } = await prepare()
    const first = await act(dyingAt(care.world.stores, writes)).catch((error: unknown) => error)
    const again = await act(care.world.instance())
    if (!(first instanceof Error)) expect(again).toEqual(first)
    await check(again)
    if (!(first instanceof Error)) return writes
  }
}

test('a restore is put in force once, whichever write its commit dies at, and the old epoch is erased', async () => {
  const writes = await dieAtEach(async () => {
    const { world, key } = care
    const { next, restoreId } = await stagedRestore()
    const deps = { backend: noble, identity: await loadIdentity(world.stores) }
    const backups = { sigpair: 'waived', device: 'stored' } as const
    const body = { restoreId, stageId: toHex(next.stageId), backups }
    const intent = say(care, { op: 'restore-confirm', body, by: next.sign, change: { epoch: 1 } })
    return {
      act: async (stores) => confirmRestore(stores, deps, { ...whose(), body, intent }),
      check: async (answer) => {
        expect(answer).toMatchObject({ epoch: 1, rotation: { reason: 'restore' } })
        const record = (await world.stores.parties.get(keyAt(key.keyId)))?.data
        expect(record).toMatchObject({ device: next.device, restore: null, stage: null, opened: null })
        expect(await pairOf(key)).toMatchObject(retired)
        expect((await readKey(world.stores, key.keyId))?.status).toBe('READY')
        await deliverOutbox(world.stores)
        expect((await auditOf(care)).filter(({ methodName }) => methodName === 'key.rotate')).toHaveLength(1)
      },
    }
  })
  expect(writes).toBeGreaterThan(5)
})

test('a restore that was staged is taken back once, whichever write dies, and what it staged is erased', async () => {
  const writes = await dieAtEach(async () => {
    const { world, key } = care
    const { next, restoreId } = await stagedRestore()
    const body = { restoreId }
    const intent = say(care, { op: 'restore-cancel', body })
    return {
      act: async (stores) => cancelRestore(stores, { ...whose(), body, intent }),
      check: async () => {
        const record = (await world.stores.parties.get(keyAt(key.keyId)))?.data
        expect(record).toMatchObject({ device: key.device, restore: null, stage: null, opened: null })
        expect(await pairOf(next)).toMatchObject(retired)
        expect((await readKey(world.stores, key.keyId))?.status).toBe('READY')
      },
    }
  })
  expect(writes).toBeGreaterThan(5)
})
