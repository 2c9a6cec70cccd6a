import { noble, provePossession } from '@tandem/ecdsa'
import { keyAt, poison, readKey, type Stores } from '@tandem/sigpair'
import { fromHex, type Intent, limits, toHex } from '@tandem/wire'
import { careOf } from '../../sigpair/src/keys/key-care.ts'
import { changeRecoveryKey } from '../../sigpair/src/keys/recovery-key.ts'
import { cancelRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import { createDevice, type Device } from '../helpers/device.ts'
import { deviceKeyOf } from '../helpers/recover.ts'
import { auditOf, careful, DAY, eventsOf, ownerKey, say, wrongIntents } from './care.ts'
import { OWNER, testKey } from './world.ts'

// Asking for a restore and taking it back; what its dialogue and its commit do is in recover.test.ts.

const care = careful()
const newDevice = () => createDevice(care.world.rng)

type Body = Parameters<typeof requestRestore>[2]['body']
type Given = { readonly intent?: Intent; readonly owner?: string; readonly stores?: Stores; readonly delayMs?: number }

/** x1 over the device's keys, by who has opened the device's backup. */
function proofFor({ cnf }: Pick<Device, 'cnf'>, share = care.key.shares[0]!): string {
  const device = new Uint8Array([...fromHex(cnf.identity), ...fromHex(cnf.exchange)])
  return toHex(provePossession(noble, share, care.world.rng, { purpose: 'restore', device }))
}

const bodyFor = (device: Device, change: Partial<Body> = {}): Body => ({
  reason: 'device-lost',
  deviceKey: deviceKeyOf(device),
  proof: proofFor(device),
  ...change,
})

async function request(device: Device, body = bodyFor(device), given: Given = {}) {
  const { stores = care.world.stores, delayMs = DAY, ...rest } = given
  const intent = say(care, { op: 'restore', body, by: device.sign })
  return requestRestore(
    stores,
    { backend: noble, delayMs },
    { keyId: care.key.keyId, owner: OWNER, body, intent, ...rest },
  )
}

async function cancel(restoreId: string, given: Given = {}) {
  const body = { restoreId }
  const { stores = care.world.stores, ...rest } = given
  const intent = say(care, { op: 'restore-cancel', body })
  return cancelRestore(stores, { keyId: care.key.keyId, owner: OWNER, body, intent, ...rest })
}

const record = async () => (await care.world.stores.parties.get(keyAt(care.key.keyId)))!.data
const facts = async () => careOf(care.world.stores, await record())

test('who proves x1 over his keys may ask; the owner hears of it, and nothing else changes', async () => {
  const device = newDevice()
  const { restoreId, notBefore } = await request(device)
  expect(restoreId).toMatch(/^rst_[A-Za-z0-9_-]{22}$/)
  expect(notBefore).toBe((care.world.clock.now + DAY) / 1000)
  expect(await facts()).toEqual({ restore: { restoreId, reason: 'device-lost', notBefore } })
  expect(await eventsOf(care)).toEqual(['key.pending', 'key.ready', 'key.restoring'])
  expect((await auditOf(care)).at(-1)).toMatchObject({
    methodName: 'key.restore',
    metadata: { restoreId, reason: 'device-lost', device: device.cnf.identity },
  })
  expect((await readKey(care.world.stores, care.key.keyId))?.status).toBe('READY')
  expect((await record()).device).toEqual(care.key.device)
})

test('a proof of another share, epoch, device or purpose costs nothing and freezes nothing', async () => {
  const { world, key } = care
  const device = newDevice()
  const [share, theirs] = key.shares
  const named = new Uint8Array([...fromHex(device.cnf.identity), ...fromHex(device.cnf.exchange)])
  const proofs = [
    proofFor(device, testKey(world.rng.fork('other')).shares[0]),
    proofFor(device, { ...share!, epoch: 1 }),
    proofFor(device, theirs),
    proofFor(newDevice()),
    toHex(provePossession(noble, share!, world.rng)),
    toHex(provePossession(noble, share!, world.rng, { purpose: 'drill', challenge: named })),
    toHex(new Uint8Array(65)),
  ]
  const before = await record()
  for (const proof of proofs) {
    const refused = { code: 'VALIDATION_FAILED', details: 'proof: does not verify' }
    await expect(request(device, bodyFor(device, { proof }))).rejects.toMatchObject(refused)
  }
  expect(await record()).toEqual(before)
  expect((await readKey(world.stores, key.keyId))?.status).toBe('READY')
  await expect(request(device)).resolves.toBeDefined()
})

test('the new device signs for itself, with keys it certifies', async () => {
  const device = newDevice()
  const body = bodyFor(device)
  for (const [details, intent] of wrongIntents(care, { op: 'restore', body, by: device.sign })) {
    await expect(request(device, body, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  const byTheEnrolled = say(care, { op: 'restore', body })
  const unsigned = request(device, body, { intent: byTheEnrolled })
  await expect(unsigned).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.signature' })
  const stolen = bodyFor(device, { deviceKey: { ...deviceKeyOf(device), exchange: deviceKeyOf(newDevice()).exchange } })
  await expect(request(device, stolen)).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
    details: 'deviceKey.certificate: does not verify',
  })
  expect(await facts()).toEqual({})
})

test('only the enrolled device says that the server is lost, and waits for nothing', async () => {
  const { world, key } = care
  const stranger = newDevice()
  const claimed = request(stranger, bodyFor(stranger, { reason: 'server-lost' }))
  await expect(claimed).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'deviceKey' })
  const enrolled = newDevice()
  await world.stores.parties.transaction(async (tx) => {
    const doc = await tx.get(keyAt(key.keyId))
    tx.update(keyAt(key.keyId), { ...doc!.data, device: enrolled.cnf })
  })
  const { notBefore } = await request(enrolled, bodyFor(enrolled, { reason: 'server-lost' }))
  expect(notBefore).toBe(world.clock.now / 1000)
})

test('one request at a time: the same device gets the same, another waits until it is past', async () => {
  const { world } = care
  const [one, other] = [newDevice(), newDevice()]
  const first = await request(one)
  world.clock.now += 1000
  expect(await request(one)).toEqual(first)
  expect(await request(one, undefined, { stores: world.instance() })).toEqual(first)
  await expect(request(other)).rejects.toMatchObject({ code: 'KEY_BUSY' })
  await expect(request(one, bodyFor(one, { reason: 'server-lost' }))).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect((await eventsOf(care)).filter((type) => type === 'key.restoring')).toHaveLength(1)

  world.clock.now += DAY + limits.CONFIRM_MS
  expect(await facts()).toEqual({})
  expect((await request(other)).restoreId).not.toBe(first.restoreId)
})

test('two devices that ask at once: one waits', async () => {
  const results = await Promise.allSettled([
    request(newDevice()),
    request(newDevice(), undefined, { stores: care.world.instance() }),
  ])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

test('the enrolled device takes it back, once and for all: its intent does not bring it back', async () => {
  const device = newDevice()
  const body = bodyFor(device)
  const intent = say(care, { op: 'restore', body, by: device.sign })
  const { restoreId } = await request(device, body, { intent })
  const word = { intent: say(care, { op: 'restore-cancel', body: { restoreId } }) }
  expect(await cancel(restoreId, word)).toEqual({ status: 'cancelled' })
  expect(await cancel(restoreId, word)).toEqual({ status: 'cancelled' })
  expect(await facts()).toEqual({})
  await expect(cancel(restoreId)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const replayed = request(device, body, { intent })
  await expect(replayed).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'intent.nonce' })
})

test('an intent that was used for something else is no repetition', async () => {
  const { world, key } = care
  const { restoreId } = await request(newDevice())
  const nonce = toHex(world.rng(16))
  const body = { encryptionKey: ownerKey(world.rng).encryptionKey }
  const used = say(care, { op: 'recovery-key', body, change: { nonce } })
  const asked = { keyId: key.keyId, owner: OWNER, body, intent: used }
  await changeRecoveryKey(world.stores, { backend: noble, delayMs: 0 }, asked)
  const again = say(care, { op: 'restore-cancel', body: { restoreId }, change: { nonce } })
  await expect(cancel(restoreId, { intent: again })).rejects.toMatchObject({ details: 'intent.nonce' })
  await cancel(restoreId)
  await expect(cancel(restoreId, { intent: again })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('nobody but the enrolled device takes it back, the one that asked included', async () => {
  const device = newDevice()
  const { restoreId } = await request(device)
  const body = { restoreId }
  const wrong = wrongIntents(care, { op: 'restore-cancel', body })
  const byTheNew = say(care, { op: 'restore-cancel', body, by: device.sign })
  for (const [details, intent] of [...wrong, ['intent.signature', byTheNew] as const]) {
    await expect(cancel(restoreId, { intent })).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  }
  const unknown = cancel(`rst_${'A'.repeat(22)}`)
  await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await facts()).toMatchObject({ restore: { restoreId } })
})

test('another user finds no key to restore', async () => {
  const device = newDevice()
  const owner = 'https://issuer.test|mallory'
  await expect(request(device, bodyFor(device), { owner })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a key that does not sign can be restored', async () => {
  await poison(care.world.stores, care.key.pair)
  await expect(request(newDevice())).resolves.toBeDefined()
})
