import { keyRotateResponse, keyStageResponse, type OperationName, toHex } from '@tandem/wire'
import { auditOf, careful } from './care.ts'
import { nextEpoch, recordOf, rotateRequest, stageNext } from './epochs.ts'
import { servedRoutes } from './served-routes.ts'
import { type TestKey } from './world.ts'

// The calls of flows 9 as duo-node makes them. What they do is in the tests of each; here is that they are served.

const care = careful()
const served = servedRoutes(care)
let next: TestKey

beforeEach(async () => {
  next = nextEpoch(care.key, care.world.rng)
  await stageNext(care.world, next)
})

const call = async (name: OperationName, body?: object, more: { query?: string; owner?: string } = {}) =>
  served.call(name, body, { names: { stageId: toHex(next.stageId) }, ...more })

const EPOCH = { query: '?epoch=1' }

test('a stage is asked about, put in force, and asked about again', async () => {
  const open = await call('key:stage', undefined, EPOCH)
  expect(open).toMatchObject({ status: 200, body: { fate: 'staged', status: { epoch: 0 } } })
  expect(keyStageResponse.safeParse(open.body).success).toBe(true)

  const rotated = await call('key:rotate', rotateRequest(care.world, next))
  expect(rotated).toMatchObject({ status: 200, body: { epoch: 1, rotation: { to: 1 } } })
  expect(keyRotateResponse.safeParse(rotated.body).success).toBe(true)
  const lines = await auditOf(care)
  expect(rotated.body['audit']).toMatchObject({ keyId: care.key.keyId, seq: lines.length })
  expect(lines.map(({ methodName }) => methodName).slice(-2)).toEqual(['key.rotate', 'key.retire'])
  const after = await call('key:stage', undefined, EPOCH)
  expect(after.body).toMatchObject({ fate: 'committed', committed: rotated.body['receipt'], status: { epoch: 1 } })
})

test('a stage is given up', async () => {
  const given = await call('key:stage:abort', { epoch: 1 })
  expect(given).toMatchObject({ status: 200, body: { fate: 'aborted', aborted: { stageId: toHex(next.stageId) } } })
  expect(await call('key:rotate', rotateRequest(care.world, next))).toMatchObject({
    ...{ status: 409, body: { error: 'EPOCH_MISMATCH' } },
  })
  const told = (await auditOf(care)).filter(({ methodName }) => methodName === 'key.abort')
  expect(told).toMatchObject([{ metadata: { stage: toHex(next.stageId), reason: 'asked for' } }])
})

test('what is refused leaves a line, and what is malformed none', async () => {
  const thief = { ...next, sign: () => new Uint8Array(64) }
  expect(await call('key:rotate', rotateRequest(care.world, thief))).toMatchObject({ status: 403 })
  for (const query of ['', '?epoch=-1', '?epoch=01', '?epoch=1&more=1'])
    expect(await call('key:stage', undefined, { query })).toMatchObject({ status: 400 })
  expect(await call('key:stage:abort', { epoch: 1.5 })).toMatchObject({ status: 400 })
  const denied = (await auditOf(care)).filter(({ status }) => status.code !== 'OK')
  expect(denied).toMatchObject([{ methodName: 'key.rotate', status: { code: 'FORBIDDEN' } }])
})

test('another user’s stage is absent, to every call', async () => {
  const owner = 'https://issuer.test|mallory'
  const before = await recordOf(care.world.stores, care.key)
  for (const answer of [
    await call('key:stage', undefined, { ...EPOCH, owner }),
    await call('key:stage:abort', { epoch: 1 }, { owner }),
    await call('key:rotate', rotateRequest(care.world, next), { owner }),
  ])
    expect(answer).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
  expect(await recordOf(care.world.stores, care.key)).toEqual(before)
})
