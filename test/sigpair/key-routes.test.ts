import { type Intent, toHex } from '@tandem/wire'
import { createDevice } from '../helpers/device.ts'
import { deviceKeyOf, restoreProof } from '../helpers/recover.ts'
import { auditOf, careful, DAY, exportKey, ownerKey, say } from './care.ts'
import { beginNext, completeNext, nextEpoch } from './epochs.ts'
import { servedRoutes } from './served-routes.ts'
import { stage } from './world.ts'

// The calls of flows 10 to 14 as duo-node makes them. What they do is in the tests of each; here is that they are served.

const care = careful()
const { call } = servedRoutes(care)

const signed = (op: Intent['op'], body: object) => ({ body, intent: say(care, { op, body }) })
const head = { keyId: expect.any(String), seq: expect.any(Number), signature: expect.any(String) }
const status = async () => (await call('key:status', undefined)).body

test('backup, drill and recovery key', async () => {
  const { encryptionKey } = ownerKey(care.world.rng)
  const made = await call('key:backup', signed('backup', { encryptionKey }))
  expect(made).toMatchObject({ status: 200, body: { epoch: 0, audit: head } })
  const { verificationHash } = made.body
  expect(await status()).toMatchObject({ recoveryKey: encryptionKey, backup: { verificationHash } })

  const other = ownerKey(care.world.rng).encryptionKey
  const changed = await call('key:recovery-key', signed('recovery-key', { encryptionKey: other }))
  expect(changed).toMatchObject({ status: 200, body: { encryptionKey: other, audit: head } })
  const drilled = await call('key:drill', { challenge: toHex(care.world.rng(32)) })
  expect(drilled).toMatchObject({ status: 200, body: { epoch: 0, proof: expect.any(String) } })
})

test('export, confirmed and cancelled', async () => {
  const body = { encryptionKey: exportKey(care.world.rng).encryptionKey }
  const [one, other] = [
    await call('key:export', signed('export', body)),
    await call('key:export', signed('export', body)),
  ]
  expect(one).toMatchObject({ status: 200, body: { audit: head } })
  const exportId = one.body['exportId'] as string
  const early = await call('key:export:confirm', signed('export-confirm', { exportId }), { names: { exportId } })
  expect(early).toMatchObject({ status: 403, body: { error: 'FORBIDDEN' } })
  const elsewhere = { names: { exportId: other.body['exportId'] as string } }
  const confused = await call('key:export:confirm', signed('export-confirm', { exportId }), elsewhere)
  expect(confused).toMatchObject({ status: 400, body: { error: 'VALIDATION_FAILED' } })
  expect(await call('key:export:cancel', {}, elsewhere)).toMatchObject({ status: 200, body: { status: 'cancelled' } })

  care.world.clock.now += DAY
  const answer = await call('key:export:confirm', signed('export-confirm', { exportId }), { names: { exportId } })
  expect(answer).toMatchObject({ status: 200, body: { epoch: 0, enc: expect.any(String), audit: head } })
  expect(await status()).toMatchObject({ status: 'READY', exportedAt: care.world.clock.now / 1000 })
})

test('restore, cancelled and confirmed', async () => {
  const { world, key } = care
  const device = createDevice(world.rng)
  const proof = restoreProof({ share: key.shares[0]!, device })
  const body = { reason: 'device-lost', deviceKey: deviceKeyOf(device), proof }
  const request = async () => ({ body, intent: say(care, { op: 'restore', body, by: device.sign }) })
  const asked = await call('key:restore', await request())
  expect(asked).toMatchObject({ status: 200, body: { audit: head } })
  const cancelled = asked.body['restoreId'] as string
  const taken = await call('key:restore:cancel', signed('restore-cancel', { restoreId: cancelled }), {
    names: { restoreId: cancelled },
  })
  expect(taken).toMatchObject({ status: 200, body: { status: 'cancelled' } })

  const restoreId = (await call('key:restore', await request())).body['restoreId'] as string
  expect(await status()).toMatchObject({ restore: { restoreId, reason: 'device-lost' } })
  const next = { ...nextEpoch(key, world.rng), device: device.cnf, sign: device.sign }
  await beginNext(world, next, { restoreId })
  await stage(world, next)
  await completeNext(world, next)
  const confirmed = { restoreId, stageId: toHex(next.stageId), backups: { sigpair: 'waived', device: 'stored' } }
  const wrong = { body: confirmed, intent: say(care, { op: 'delete', body: confirmed }) }
  expect(await call('key:restore:confirm', wrong, { names: { restoreId } })).toMatchObject({ status: 403 })
  expect((await auditOf(care)).at(-1)).toMatchObject({ methodName: 'key.restore-confirm' })
  const said = say(care, { op: 'restore-confirm', body: confirmed, by: device.sign, change: { epoch: 1 } })
  const answer = await call('key:restore:confirm', { body: confirmed, intent: said }, { names: { restoreId } })
  expect(answer).toMatchObject({ status: 200, body: { epoch: 1, rotation: { reason: 'restore' }, audit: head } })
  expect(await status()).toMatchObject({ epoch: 1, device: device.cnf })
})

test('freezing and deletion', async () => {
  expect(await call('key:freeze', {})).toMatchObject({ status: 200, body: { keyStatus: 'FROZEN', audit: head } })
  expect(await status()).toMatchObject({ status: 'FROZEN' })
  const { keyId } = care.key
  const answer = { status: 200, body: { status: 'deleted', keyId, audit: head } }
  expect(await call('key:delete', signed('delete', {}))).toMatchObject(answer)
  expect(await call('key:delete', signed('delete', {}))).toMatchObject(answer)
  expect(await status()).toMatchObject({ status: 'DELETED' })
  expect(await call('key:freeze', {})).toMatchObject({ status: 410, body: { error: 'KEY_DELETED' } })
})

test('a refusal leaves its line with the owner, and none with a stranger', async () => {
  const before = (await auditOf(care)).length
  const body = { encryptionKey: ownerKey(care.world.rng).encryptionKey }
  const stranger = { owner: 'https://issuer.test|mallory' }
  expect(await call('key:backup', signed('backup', body), stranger)).toMatchObject({ status: 404 })
  expect(await call('key:freeze', {}, stranger)).toMatchObject({ status: 404 })
  expect(await auditOf(care)).toHaveLength(before)
  expect(await call('key:backup', { body, intent: say(care, { op: 'delete', body }) })).toMatchObject({ status: 403 })
  expect((await auditOf(care)).at(-1)).toMatchObject({
    methodName: 'key.backup',
    status: { code: 'FORBIDDEN', message: 'intent.op' },
  })
})
