import { noble } from '@tandem/ecdsa'
import {
  createLog,
  createSigningKey,
  handle,
  issueServiceToken,
  listen,
  type Serving,
  type SigningKey,
  trustKeys,
} from '@tandem/service'
import { internalRoutes, loadIdentity } from '@tandem/sigpair'
import { keyRotateResponse, keyStageResponse, OPERATIONS, type OperationName, toHex } from '@tandem/wire'
import { auditOf, careful, DAY } from './care.ts'
import { nextEpoch, recordOf, rotateRequest, stageNext } from './epochs.ts'
import { OWNER, type TestKey } from './world.ts'

// The calls of flows 9 as duo-node makes them. What they do is in the tests of each; here is that they are served.

const care = careful()
let serving: Serving
let backendKey: SigningKey
let duoNodeKey: SigningKey
let next: TestKey

beforeAll(async () => {
  backendKey = await createSigningKey()
  duoNodeKey = await createSigningKey()
})
beforeEach(async () => {
  const { stores, rng } = care.world
  const routes = internalRoutes({
    ...{ stores, identity: await loadIdentity(stores), backend: noble, rng, policyDelayMs: DAY },
    complete: care.pool.completeSignature,
    tasks: care.pool.shareTasks,
    callers: {
      duoNode: { issuer: 'duo-node', keys: trustKeys([duoNodeKey.publicJwk]) },
      backend: { issuer: 'functions', keys: trustKeys([backendKey.publicJwk]) },
    },
  })
  const log = createLog({ name: 'sigpair', level: 'silent' })
  serving = await listen(handle(routes, { log, hosts: ['127.0.0.1'] }), { name: 'sigpair', host: '127.0.0.1', port: 0 })
  next = nextEpoch(care.key, rng)
  await stageNext(care.world, next)
})
afterEach(async () => serving.close())

/** @param more `query` behind the path, `owner` another user */
async function call(name: OperationName, body?: object, more: { query?: string; owner?: string } = {}) {
  const { method, path: pattern } = OPERATIONS[name]
  const { query = '', owner = OWNER } = more
  const path = pattern.replace(':keyId', care.key.keyId).replace(':stageId', toHex(next.stageId)) + query
  const bytes = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body))
  const about = { method, path, body: bytes }
  const from = { subject: owner, audience: ['duo-node', 'sigpair'] }
  const { now } = care.world.clock
  const forwarded = await issueServiceToken(backendKey, { ...from, issuer: 'functions' }, about, now)
  const own = await issueServiceToken(duoNodeKey, { ...from, issuer: 'duo-node', audience: ['sigpair'] }, about, now)
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${own}`, 'x-tandem-caller': forwarded }
  const url = `http://127.0.0.1:${serving.port}${path}`
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: bytes }) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

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
