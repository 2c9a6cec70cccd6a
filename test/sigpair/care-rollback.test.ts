import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { noble } from '@tandem/ecdsa'
import { beginKeygen, loadForSigning, readKey, type Stores } from '@tandem/sigpair'
import { deleteKey } from '../../sigpair/src/keys/delete.ts'
import { drill } from '../../sigpair/src/keys/drill.ts'
import { confirmExport, prepareExport } from '../../sigpair/src/keys/export.ts'
import { changeRecoveryKey } from '../../sigpair/src/keys/recovery-key.ts'
import { cancelRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import { createDevice } from '../helpers/device.ts'
import { deviceKeyOf, restoreProof } from '../helpers/recover.ts'
import { careful, exportKey, ownerKey, say } from './care.ts'
import { OWNER } from './world.ts'

// An older copy of `parties` is put back. What was decided since is not undone in silence. Source: docs/spec/storage.md, section 4.

const care = careful()
const whose = () => ({ keyId: care.key.keyId, owner: OWNER })

/** As an operator makes it, while everything runs. */
function copyNow(): string {
  const copy = join(care.world.folder, 'copy.db')
  const db = new DatabaseSync(join(care.world.folder, 'parties.db'))
  db.exec(`VACUUM INTO '${copy}'`)
  db.close()
  return copy
}

async function putBack(copy: string): Promise<Stores> {
  await care.world.stores.parties.close()
  copyFileSync(copy, join(care.world.folder, 'parties.db'))
  return care.world.instance()
}

const statusIn = async (stores: Stores) => (await readKey(stores, care.key.keyId))?.status

async function exported(): Promise<void> {
  const { stores, rng } = care.world
  const body = { encryptionKey: exportKey(rng).encryptionKey }
  const intent = say(care, { op: 'export', body })
  const { exportId } = await prepareExport(stores, { delayMs: 0 }, { ...whose(), body, intent })
  const confirmed = { exportId }
  const said = say(care, { op: 'export-confirm', body: confirmed })
  await confirmExport(stores, { tasks: care.pool.shareTasks }, { ...whose(), body: confirmed, intent: said })
}

async function restoreRequested(): Promise<string> {
  const { stores, rng } = care.world
  const device = createDevice(rng)
  const proof = restoreProof({ share: care.key.shares[0]!, device })
  const body = { reason: 'device-lost' as const, deviceKey: deviceKeyOf(device), proof }
  const intent = say(care, { op: 'restore', body, by: device.sign })
  return (await requestRestore(stores, { backend: noble, delayMs: 0 }, { ...whose(), body, intent })).restoreId
}

async function remove(stores: Stores): Promise<void> {
  await deleteKey(stores, { ...whose(), body: {}, intent: say(care, { op: 'delete', body: {} }) })
}

test('L11 a key that was exported does not forget it and go on', async () => {
  const copy = copyNow()
  await exported()
  expect(await statusIn(await putBack(copy))).toBe('STALE')
})

test('L11 a restore that was cancelled does not come back and find a key that signs', async () => {
  const { stores } = care.world
  const restoreId = await restoreRequested()
  const copy = copyNow()
  const body = { restoreId }
  await cancelRestore(stores, { ...whose(), body, intent: say(care, { op: 'restore-cancel', body }) })
  expect(await statusIn(await putBack(copy))).toBe('STALE')
})

test('L11 a recovery key that was enrolled is not forgotten in silence', async () => {
  const copy = copyNow()
  const body = { encryptionKey: ownerKey(care.world.rng).encryptionKey }
  const intent = say(care, { op: 'recovery-key', body })
  await changeRecoveryKey(care.world.stores, { backend: noble, delayMs: 0 }, { ...whose(), body, intent })
  expect(await statusIn(await putBack(copy))).toBe('STALE')
})

test('L11 changes to a record from a copy do not let its counter catch up', async () => {
  const { rng } = care.world
  const change = async (stores: Stores) => {
    const body = { encryptionKey: ownerKey(rng).encryptionKey }
    const intent = say(care, { op: 'recovery-key', body })
    await changeRecoveryKey(stores, { backend: noble, delayMs: 0 }, { ...whose(), body, intent })
  }
  const copy = copyNow()
  await change(care.world.stores)
  const restored = await putBack(copy)
  for (let i = 0; i < 3; i++) await change(restored)
  expect(await statusIn(restored)).toBe('STALE')
  const signing = loadForSigning(restored, { keyId: care.key.keyId, epoch: 0, owner: OWNER })
  await expect(signing).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'STALE' })
})

test('a deleted key that a copy brings back signs nothing, opens nothing, and is deleted again', async () => {
  const { key } = care
  const copy = copyNow()
  await remove(care.world.stores)
  const restored = await putBack(copy)
  expect(await statusIn(restored)).toBe('STALE')
  const signing = loadForSigning(restored, { keyId: key.keyId, epoch: 0, owner: OWNER })
  await expect(signing).rejects.toMatchObject({ code: 'KEY_FROZEN' })
  const challenge = `0x${'11'.repeat(32)}`
  const drilled = drill(restored, { tasks: care.pool.shareTasks }, { ...whose(), challenge })
  await expect(drilled).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
  const again = beginKeygen(restored, care.world.rng, { keyId: key.keyId, owner: OWNER, device: key.device })
  await expect(again).rejects.toMatchObject({ code: 'FORBIDDEN' })

  await remove(restored)
  expect(await statusIn(restored)).toBe('DELETED')
})
