import { keyAt, pairAt, poison, readKey, type Stores } from '@tandem/sigpair'
import { fromHex, type Intent, limits, type SealedShare, toHex } from '@tandem/wire'
import { hpkeSuite } from '../../sigpair/src/crypto/hpke.ts'
import { le16, le32, taggedHash } from '../../sigpair/src/crypto/hash.ts'
import { cancelExport, confirmExport, prepareExport } from '../../sigpair/src/keys/export.ts'
import { careOf } from '../../sigpair/src/keys/key-care.ts'
import { auditOf, careful, DAY, eventsOf, exportKey, say, wrongIntents } from './care.ts'
import { OWNER } from './world.ts'

const care = careful()

type Given = { readonly intent?: Intent; readonly owner?: string }

async function prepare(encryptionKey: string, given: Given = {}, delayMs = DAY) {
  const body = { encryptionKey }
  const intent = say(care, { op: 'export', body })
  const request = { keyId: care.key.keyId, owner: OWNER, body, intent, ...given }
  return prepareExport(care.world.stores, { delayMs }, request)
}

async function confirm(exportId: string, given: Given = {}, stores: Stores = care.world.stores) {
  const body = { exportId }
  const intent = say(care, { op: 'export-confirm', body })
  const request = { keyId: care.key.keyId, owner: OWNER, body, intent, ...given }
  return confirmExport(stores, { tasks: care.pool.shareTasks }, request)
}

const cancel = async (exportId: string, owner = OWNER) =>
  cancelExport(care.world.stores, { keyId: care.key.keyId, owner, exportId })
const facts = async () => careOf(care.world.stores, (await readKey(care.world.stores, care.key.keyId))!.key)
const wait = (ms: number) => {
  care.world.clock.now += ms
}
const tooEarly = { code: 'FORBIDDEN', details: expect.stringContaining('notBefore') }

async function open({ enc, ciphertext, epoch }: SealedShare, secretKey: Uint8Array): Promise<Uint8Array> {
  const suite = await hpkeSuite()
  const info = taggedHash('export', fromHex(care.key.keyId), le32(epoch), le16(2))
  return suite.Open(await suite.DeserializePrivateKey(secretKey), fromHex(enc), fromHex(ciphertext), { info })
}

test('an export opens, on the device that asked for it and nowhere else, to the share of X2', async () => {
  const { secretKey, encryptionKey } = exportKey(care.world.rng)
  const { exportId, notBefore, expiresAt } = await prepare(encryptionKey)
  expect(exportId).toMatch(/^exp_[A-Za-z0-9_-]{22}$/)
  expect(notBefore).toBe((care.world.clock.now + DAY) / 1000)
  expect(expiresAt).toBe(notBefore + limits.CONFIRM_MS / 1000)
  wait(DAY)
  const answer = await confirm(exportId)
  const sigpair = care.key.shares[1]!
  expect(answer).toMatchObject({ epoch: 0, publicShare: toHex(sigpair.publicShares[1]!) })
  expect(await open(answer, secretKey)).toEqual(sigpair.secret)
  await expect(open(answer, care.world.rng(32))).rejects.toThrow()
  await expect(open({ ...answer, epoch: 1 }, secretKey)).rejects.toThrow()
})

test('a key that was exported is marked for ever, in its status, its log and its events', async () => {
  const { exportId } = await prepare(exportKey(care.world.rng).encryptionKey)
  expect(await facts()).toEqual({})
  wait(DAY)
  const at = care.world.clock.now
  await confirm(exportId)
  expect(await facts()).toEqual({ exportedAt: at / 1000 })
  expect(await eventsOf(care)).toEqual(['key.pending', 'key.ready', 'key.exported'])
  expect((await auditOf(care)).slice(-2).map(({ methodName }) => methodName)).toEqual([
    'key.export',
    'key.export-confirm',
  ])
  wait(10 * DAY)
  await confirm((await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)).exportId)
  expect(await facts()).toEqual({ exportedAt: at / 1000 })
  expect((await readKey(care.world.stores, care.key.keyId))?.status).toBe('READY')
})

test('nothing leaves before the delay is over, to the millisecond', async () => {
  const { exportId } = await prepare(exportKey(care.world.rng).encryptionKey)
  await expect(confirm(exportId)).rejects.toMatchObject(tooEarly)
  wait(DAY - 1)
  await expect(confirm(exportId)).rejects.toMatchObject(tooEarly)
  expect(await facts()).toEqual({})
  wait(1)
  await expect(confirm(exportId)).resolves.toBeDefined()
})

test('the same request is the same export; a confirmation is repeatable until it expires, on any instance', async () => {
  const { secretKey, encryptionKey } = exportKey(care.world.rng)
  const intent = say(care, { op: 'export', body: { encryptionKey } })
  const first = await prepare(encryptionKey, { intent })
  expect(await prepare(encryptionKey, { intent })).toEqual(first)
  wait(DAY)
  const confirmation = { intent: say(care, { op: 'export-confirm', body: { exportId: first.exportId } }) }
  const answers = [await confirm(first.exportId, confirmation), await confirm(first.exportId, confirmation)]
  wait(limits.CONFIRM_MS - 1)
  answers.push(await confirm(first.exportId, {}, care.world.instance()))
  for (const answer of answers) expect(await open(answer, secretKey)).toEqual(care.key.shares[1]!.secret)
  expect((await eventsOf(care)).filter((type) => type === 'key.exported')).toHaveLength(1)
  wait(1)
  await expect(confirm(first.exportId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('an export that is cancelled is gone, and its intent brings it back no more', async () => {
  const { encryptionKey } = exportKey(care.world.rng)
  const intent = say(care, { op: 'export', body: { encryptionKey } })
  const { exportId } = await prepare(encryptionKey, { intent })
  expect(await cancel(exportId)).toEqual({ status: 'cancelled' })
  expect(await cancel(exportId)).toEqual({ status: 'cancelled' })
  await expect(prepare(encryptionKey, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.nonce' })
  wait(DAY)
  await expect(confirm(exportId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await facts()).toEqual({})
})

test('of a confirmation and a cancellation at once exactly one wins', async () => {
  for (let round = 0; round < 4; round++) {
    const { exportId } = await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)
    const before = (await eventsOf(care)).length
    const [confirmed, cancelled] = await Promise.allSettled(
      round % 2 === 0
        ? [confirm(exportId), cancel(exportId)]
        : [confirm(exportId, {}, care.world.instance()), cancel(exportId)],
    )
    expect([confirmed.status, cancelled.status].toSorted()).toEqual(['fulfilled', 'rejected'])
    expect((await eventsOf(care)).length - before).toBe(confirmed.status === 'fulfilled' ? 1 : 0)
  }
})

test('what was confirmed cannot be cancelled', async () => {
  const { exportId } = await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)
  await confirm(exportId)
  await expect(cancel(exportId)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'the export was confirmed' })
})

test('without the word of the device for this very step nothing is asked for and nothing leaves', async () => {
  const { encryptionKey } = exportKey(care.world.rng)
  for (const [details, intent] of wrongIntents(care, { op: 'export', body: { encryptionKey } })) {
    await expect(prepare(encryptionKey, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  const { exportId } = await prepare(encryptionKey, {}, 0)
  const other = await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)
  const wrong = wrongIntents(care, { op: 'export-confirm', body: { exportId } })
  const ofAnother = say(care, { op: 'export-confirm', body: { exportId: other.exportId } })
  for (const [details, intent] of [...wrong, ['intent.bodyHash', ofAnother] as const]) {
    await expect(confirm(exportId, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  expect(await facts()).toEqual({})
})

test('the owner of another key finds nothing to export, confirm or cancel', async () => {
  const owner = 'https://issuer.test|mallory'
  const { exportId } = await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)
  const absent = { code: 'NOT_FOUND' }
  await expect(prepare(exportKey(care.world.rng).encryptionKey, { owner })).rejects.toMatchObject(absent)
  await expect(confirm(exportId, { owner })).rejects.toMatchObject(absent)
  await expect(cancel(exportId, owner)).rejects.toMatchObject(absent)
})

test('a key of low order is refused before anything waits', async () => {
  for (const encryptionKey of [toHex(new Uint8Array(32)), toHex(new Uint8Array(32).with(0, 1))]) {
    const refused = { code: 'VALIDATION_FAILED', details: 'encryptionKey: not an X25519 key' }
    await expect(prepare(encryptionKey)).rejects.toMatchObject(refused)
  }
  expect((await care.world.stores.parties.get(keyAt(care.key.keyId)))?.data.exports).toEqual([])
})

test('four exports wait at most, and what has expired makes room', async () => {
  for (let i = 0; i < 4; i++) await prepare(exportKey(care.world.rng).encryptionKey, {}, 0)
  await expect(prepare(exportKey(care.world.rng).encryptionKey)).rejects.toMatchObject({ code: 'KEY_BUSY' })
  wait(limits.CONFIRM_MS)
  await expect(prepare(exportKey(care.world.rng).encryptionKey)).resolves.toBeDefined()
})

test('export stays open to a key that does not sign', async () => {
  const { world, key } = care
  await poison(world.stores, key.pair)
  const { secretKey, encryptionKey } = exportKey(world.rng)
  const { exportId } = await prepare(encryptionKey, {}, 0)
  expect(await open(await confirm(exportId), secretKey)).toEqual(key.shares[1]!.secret)
})

describe('a confirmation that fails', () => {
  const broken = new Error('broken')

  test('before the share is opened marks nothing', async () => {
    const { world, key } = care
    const { exportId } = await prepare(exportKey(world.rng).encryptionKey, {}, 0)
    await world.stores.presignatures.delete(pairAt(key.pair))
    await expect(confirm(exportId)).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
    expect(await facts()).toEqual({})
  })

  test('at the mark answers nothing', async () => {
    const { world } = care
    const { exportId } = await prepare(exportKey(world.rng).encryptionKey, {}, 0)
    const parties = { ...world.stores.parties, transaction: async () => Promise.reject(broken) }
    await expect(confirm(exportId, {}, { ...world.stores, parties })).rejects.toBe(broken)
    expect(await facts()).toEqual({})
    await expect(confirm(exportId)).resolves.toBeDefined()
  })

  test('after the mark has marked it, and is answered when it is repeated', async () => {
    const { world } = care
    const { secretKey, encryptionKey } = exportKey(world.rng)
    const { exportId } = await prepare(encryptionKey, {}, 0)
    const presignatures = { ...world.stores.presignatures, transaction: async () => Promise.reject(broken) }
    const intent = say(care, { op: 'export-confirm', body: { exportId } })
    await expect(confirm(exportId, { intent }, { ...world.stores, presignatures })).rejects.toBe(broken)
    expect(await facts()).toMatchObject({ exportedAt: world.clock.now / 1000 })
    expect(await open(await confirm(exportId, { intent }), secretKey)).toEqual(care.key.shares[1]!.secret)
    expect((await eventsOf(care)).filter((type) => type === 'key.exported')).toHaveLength(1)
  })
})
