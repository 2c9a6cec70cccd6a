import { noble } from '@tandem/ecdsa'
import { keyAt, type Stores } from '@tandem/sigpair'
import { deliverOutbox } from '../../sigpair/src/audit/audit-outbox.ts'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { cancelExport, confirmExport, prepareExport } from '../../sigpair/src/keys/export.ts'
import { changeRecoveryKey } from '../../sigpair/src/keys/recovery-key.ts'
import { cancelRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import { createDevice } from '../helpers/device.ts'
import { deviceKeyOf, restoreProof } from '../helpers/recover.ts'
import { auditOf, careful, dyingAt, eventsOf, exportKey, ownerKey, renew, say } from './care.ts'
import { OWNER } from './world.ts'

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

function restoring(): { readonly act: (stores: Stores) => ReturnType<typeof requestRestore> } {
  const device = createDevice(care.world.rng)
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
