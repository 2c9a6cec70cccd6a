import { createHash, verify } from 'node:crypto'
import { LOCAL_AUDIT_KEY, LOCAL_KEY } from '@tandem/local'
import { createLog } from '@tandem/service'
import { type AuditCheckpoint, auditCheckpointBytes, fromHex } from '@tandem/wire'
import { setTimeout as delay } from 'node:timers/promises'
import { checkpointAll, checkpointEvery } from '../../sigpair/src/audit/audit-checkpoint.ts'
import { AUDIT_CHECKPOINTS } from '../../sigpair/src/audit/audit-records.ts'
import { writeAudit } from '../../sigpair/src/audit/audit.ts'
import { startKms, startLiar, type Tamper, type TestKms } from './kms.ts'
import { openWorld, type World } from './world.ts'

const version = `${LOCAL_AUDIT_KEY}/cryptoKeyVersions/1`
const keys = ['aa', 'bb', 'cc'].map((byte) => `0x${byte.repeat(32)}`)

let kms: TestKms
let world: World

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  for (const key of keys) await writeAudit(world.stores, key, { method: 'keygen.begin' })
})
afterEach(async () => world.close())

const checkpoints = async () =>
  (await world.stores.presignatures.list<AuditCheckpoint>(AUDIT_CHECKPOINTS, { limit: 99 })).docs.map(
    ({ data }) => data,
  )

test('every chain that has grown gets one checkpoint, however many instances sign, and verifies under the KMS key', async () => {
  const signer = { kms: kms.client, version }
  await Promise.all([checkpointAll(world.stores, signer), checkpointAll(world.instance(), signer)])
  expect((await checkpoints()).map(({ keyId }) => keyId)).toEqual(keys)
  expect(await checkpointAll(world.stores, signer)).toBe(0)
  await writeAudit(world.stores, keys[1]!, { method: 'keygen.stage' })
  expect(await checkpointAll(world.stores, signer)).toBe(1)
  const pem = await kms.client.publicKey(version)
  const made = await checkpoints()
  expect(made.map(({ seq }) => seq)).toEqual([1, 1, 2, 1])
  for (const one of made) {
    expect(verify('sha256', auditCheckpointBytes(one), pem, fromHex(one.signature))).toBe(true)
  }
})

test('a KMS that does not answer is tried again later', async () => {
  let down = true
  const sign = async (name: string, digest: Uint8Array) => {
    if (down) throw new Error('down')
    return kms.client.sign(name, digest)
  }
  const log = createLog({ name: 'test', level: 'silent' })
  const stop = checkpointEvery(world.stores, { kms: { sign }, version }, log, 5)
  await delay(20)
  expect(await checkpoints()).toEqual([])
  down = false
  while ((await checkpoints()).length < keys.length) await delay(5)
  stop()
})

const digest = createHash('sha256').update('a checkpoint').digest()
const LIES: readonly (readonly [string, Tamper])[] = [
  ['a damaged signature', (answer) => ({ ...answer, signature: Buffer.from('damaged') })],
  ['a wrong checksum', (answer) => ({ ...answer, signatureCrc32c: { value: 7 } })],
  ['an unverified digest', (answer) => ({ ...answer, verifiedDigestCrc32c: false })],
  ['another key version', (answer) => ({ ...answer, name: `${LOCAL_AUDIT_KEY}/cryptoKeyVersions/2` })],
]

test.each(LIES)('KMS answers with %s are asked for again, three times in all', async (_, lie) => {
  const liar = await startLiar(kms, lie)
  await expect(liar.client.sign(version, digest)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(liar.calls()).toBe(3)
  await liar.stop()
})

test('a public key is taken whole, and of our algorithm, or not at all', async () => {
  const liar = await startLiar(kms, (answer) => ({ ...answer, pem: String(answer['pem']).replace('M', 'N') }))
  await expect(liar.client.publicKey(version)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await liar.stop()
  await expect(kms.client.publicKey(`${LOCAL_KEY}/cryptoKeyVersions/1`)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
