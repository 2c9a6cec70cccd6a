import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createLog } from '@tandem/service'
import {
  beginKeygen,
  createUsable,
  keyAt,
  loadForSigning,
  openCheck,
  pairAt,
  poison,
  presignatureAt,
  readKey,
  type Stores,
} from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { noble } from '@tandem/ecdsa'
import { deliverOutbox } from '../../sigpair/src/audit/audit-outbox.ts'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { deleteKey } from '../../sigpair/src/keys/delete.ts'
import { prepareExport } from '../../sigpair/src/keys/export.ts'
import { freeze } from '../../sigpair/src/keys/freeze.ts'
import { sweepExpired } from '../../sigpair/src/sweep.ts'
import { auditOf, careful, DAY, dyingAt, eventsOf, exportKey, ownerKey, renew, say, wrongIntents } from './care.ts'
import { dealPresignature } from './deal-presignature.ts'
import { begin, OWNER, stage, testDevice, testKey } from './world.ts'

const care = careful()
const body = {}

type Asked = Parameters<typeof deleteKey>[1]

const asked = (change: Partial<Asked> = {}): Asked => ({
  keyId: care.key.keyId,
  owner: OWNER,
  body,
  intent: say(care, { op: 'delete', body }),
  ...change,
})
const remove = async (request = asked(), stores: Stores = care.world.stores) => deleteKey(stores, request)
const deleted = () => ({ status: 'deleted', keyId: care.key.keyId })
const pair = async () => (await care.world.stores.presignatures.get(pairAt(care.key.pair)))?.data
const record = async () => (await care.world.stores.parties.get(keyAt(care.key.keyId)))!

async function backup(): Promise<void> {
  const { encryptionKey } = ownerKey(care.world.rng)
  const wanted = { encryptionKey }
  const intent = say(care, { op: 'backup', body: wanted })
  const request = { keyId: care.key.keyId, owner: OWNER, body: wanted, intent }
  await backUp(care.world.stores, { backend: noble, tasks: care.pool.shareTasks }, request)
}

/** Ids of everything of the key in one collection. */
async function left(store: keyof Pick<Stores, 'parties' | 'presignatures'>, collection: string): Promise<number> {
  const { docs } = await care.world.stores[store].list(collection, { prefix: care.key.keyId, limit: 100 })
  return docs.length
}

async function expectErased(): Promise<void> {
  expect(await pair()).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null, stock: [] })
  for (const collection of ['presignatures', 'runs']) expect(await left('presignatures', collection)).toBe(0)
  for (const collection of ['backups', 'retirements', 'stages']) expect(await left('parties', collection)).toBe(0)
}

test('a deleted key is erased: share, epoch key, pair, presignatures, runs and backups', async () => {
  const { world, key } = care
  const dealt = dealPresignature(key, world.rng)
  await createUsable(world.stores, world.stores.sealer, key.pair, [dealt.sigpair()])
  await openCheck(world.stores, key.pair, world.rng(32))
  await backup()
  const { share } = (await record()).data.current!
  expect(await remove()).toEqual(deleted())

  await expectErased()
  expect(await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(dealt.id)))).toBeUndefined()
  const { data, expireAt } = await record()
  expect(expireAt).toBeUndefined()
  expect(data).toMatchObject({ status: 'DELETED', owner: OWNER, current: null, stage: null, exports: [] })
  await Promise.all([world.stores.parties.close(), world.stores.presignatures.close()])
  const trace = Buffer.from(share.ciphertext).toString('base64').slice(0, 40)
  expect(readFileSync(join(world.folder, 'parties.db')).includes(trace)).toBe(false)
})

test('the id is refused for ever: for a new key, for signing, for everything else', async () => {
  const { world, key } = care
  await remove()
  world.clock.now += 400 * DAY
  const device = testDevice(world.rng).device
  const again = beginKeygen(world.stores, world.rng, { keyId: key.keyId, owner: OWNER, device })
  await expect(again).rejects.toMatchObject({ code: 'KEY_DELETED' })
  const foreign = { keyId: key.keyId, owner: 'https://issuer.test|mallory', device }
  await expect(beginKeygen(world.stores, world.rng, foreign)).rejects.toMatchObject({ code: 'NOT_FOUND' })

  const gone = { code: 'KEY_DELETED' }
  await expect(loadForSigning(world.stores, { keyId: key.keyId, epoch: 0, owner: OWNER })).rejects.toMatchObject(gone)
  await expect(backup()).rejects.toMatchObject(gone)
  await expect(freeze(world.stores, { keyId: key.keyId, owner: OWNER })).rejects.toMatchObject(gone)
  const wanted = { encryptionKey: exportKey(world.rng).encryptionKey }
  const intent = say(care, { op: 'export', body: wanted })
  const request = { keyId: key.keyId, owner: OWNER, body: wanted, intent }
  await expect(prepareExport(world.stores, { delayMs: 0 }, request)).rejects.toMatchObject(gone)
})

test('its audit chain stays, and its end and its events are told', async () => {
  await remove()
  const names = (await auditOf(care)).map(({ methodName }) => methodName)
  expect(names[0]).toBe('keygen.begin')
  expect(names.slice(-2)).toEqual(['key.delete', 'key.retire'])
  expect(await eventsOf(care)).toEqual(['key.pending', 'key.ready', 'key.deleted'])
  expect((await readKey(care.world.stores, care.key.keyId))?.status).toBe('DELETED')
})

test('deletion is repeatable, on any instance, at once, and with any word of the owner', async () => {
  const request = asked()
  const stores = [care.world.stores, care.world.instance(), care.world.instance()]
  const answers = await Promise.all(stores.map(async (one) => remove(request, one)))
  answers.push(await remove(request), await remove())
  expect(answers).toEqual(answers.map(deleted))
  expect((await eventsOf(care)).filter((type) => type === 'key.deleted')).toHaveLength(1)
})

test('without the word of the device nothing is deleted', async () => {
  for (const [details, intent] of wrongIntents(care, { op: 'delete', body })) {
    await expect(remove(asked({ intent }))).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  await expect(remove(asked({ owner: 'https://issuer.test|mallory' }))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect((await readKey(care.world.stores, care.key.keyId))?.status).toBe('READY')
})

test('a key that was never committed is not deleted: it expires', async () => {
  const young = testKey(care.world.rng.fork('young'))
  await begin(care.world, young)
  await stage(care.world, young)
  const request = asked({ keyId: young.keyId, intent: say({ ...care, key: young }, { op: 'delete', body }) })
  await expect(remove(request)).rejects.toMatchObject({ code: 'KEY_PENDING' })
})

test('a frozen key can be deleted', async () => {
  await poison(care.world.stores, care.key.pair)
  expect(await remove()).toEqual(deleted())
  await expectErased()
})

test('an epoch that the record does not know, because it comes from a copy, is erased too', async () => {
  const { world, key } = care
  const known = (await world.stores.presignatures.get(pairAt(key.pair)))!.data
  const unknown = { keyId: key.keyId, ssid: world.rng(32) }
  await world.stores.presignatures.create(pairAt(unknown), { ...known, ...unknown, epoch: 3 })
  await remove()
  const erased = (await world.stores.presignatures.get(pairAt(unknown)))?.data
  expect(erased).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
  expect((await auditOf(care)).filter(({ methodName }) => methodName === 'key.retire')).toHaveLength(2)
})

async function swept(): Promise<void> {
  const stop = sweepExpired(care.world.stores, createLog({ name: 'test', level: 'silent' }), 5)
  const waiting = async () => (await left('parties', 'retirements')) + (await left('parties', 'audit-outbox'))
  while ((await waiting()) > 0) await delay(5)
  stop()
}

test('a deletion that dies at any write is finished by a repetition, and by the sweep', async () => {
  for (const finish of ['repetition', 'sweep'] as const) {
    for (let writes = 0; ; writes++) {
      await renew(care)
      const request = asked()
      const outcome = await remove(request, dyingAt(care.world.stores, writes)).catch((error: unknown) => error)
      if (!(outcome instanceof Error)) {
        expect(writes).toBeGreaterThan(4)
        break
      }
      const begun = (await record()).data.status === 'DELETED'
      expect(begun).toBe(writes > 0)
      if (finish === 'repetition' || !begun) await remove(request)
      else await swept()
      await expectErased()
      await deliverOutbox(care.world.stores)
      expect((await auditOf(care)).filter(({ methodName }) => methodName === 'key.delete')).toHaveLength(1)
    }
  }
}, 60_000)
