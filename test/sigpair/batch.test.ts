import { noble } from '@tandem/ecdsa'
import {
  batchAt,
  cancelBatch,
  type CompleteSignature,
  completeBatch,
  completeSession,
  loadUnsigned,
  pairAt,
  poison,
  presignatureAt,
  readKey,
  type SignedSession,
} from '@tandem/sigpair'
import { limits, type Policy, type PrepareBatchRequest, toBase64url, toHex, type UnsignedTx } from '@tandem/wire'
import { verifyTwice } from '../../infra/local/src/story/verify-twice.ts'
import { readAuditPage } from '../../sigpair/src/audit/audit-read.ts'
import { loadIdentity } from '../../sigpair/src/keys/identity.ts'
import { policyAt, policyText } from '../../sigpair/src/policy/policy-store.ts'
import { cancelSession } from '../../sigpair/src/sign/cancel-session.ts'
import { RELEASING_MS } from '../../sigpair/src/sign/batch-release.ts'
import { namesOf } from '../../sigpair/src/sign/batch-records.ts'
import { spendingAt } from '../../sigpair/src/sign/spending.ts'
import { batchOf, prepareHere, sharesFor, stockOf } from './batches.ts'
import { startKms, type TestKms } from './kms.ts'
import { completeHere } from './payments.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

let kms: TestKms
let world: World
let key: TestKey

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = await readyKeyIn(world)
})
afterEach(async () => world.close())

const payments = (count: number, change: Partial<UnsignedTx> = {}) => Array.from({ length: count }, () => change)

/** Prepared, with a share for each operation from presignatures that are in stock. */
async function ready(changes: readonly Partial<UnsignedTx>[], name = 'stock') {
  const request = batchOf(world, key, changes)
  const sessions = await prepareHere(world, request)
  const dealt = await stockOf(world, key, changes.length, name)
  return { request, sessions, dealt, signatures: sharesFor(world, key, dealt, sessions) }
}

const complete = async (
  { batchId }: Pick<PrepareBatchRequest, 'batchId'>,
  signatures: readonly string[],
  { stores = world.stores, owner = OWNER, act = completeHere, proven = false } = {},
): Promise<SignedSession[]> => completeBatch(stores, act, { batchId, keyId: key.keyId, owner, signatures, proven })

const stock = async () => (await world.stores.presignatures.get(pairAt(key.pair)))!.data.stock
const statusOf = async (id: Uint8Array) =>
  (await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(id))))?.data.status

async function auditLines() {
  const reader = { stores: world.stores, identity: (await loadIdentity(world.stores)).identity }
  const { lines } = await readAuditPage(reader, OWNER, { keyId: key.keyId, after: 0, limit: 500 })
  return lines.map(({ entry }) => entry)
}

/** As the owner would have set it; how that is done is tested elsewhere. */
async function enforce(policy: Policy): Promise<void> {
  const record = { keyId: key.keyId, version: 1, inForce: [policyText(policy)], pending: null, nonce: '0x' }
  await world.stores.presignatures.create(policyAt(key.keyId), record)
}

test('fifty operations are signed, each for its own digest, by one release that has one line', async () => {
  const { request, sessions, dealt, signatures } = await ready(payments(50))
  const signed = await complete(request, signatures)

  expect(signed.map(({ sessionId }) => sessionId)).toEqual(request.transactions.map(({ sessionId }) => sessionId))
  for (const [i, { digest, signature }] of signed.entries()) {
    expect(toHex(digest)).toBe(toHex(sessions[i]!.digest))
    const verdicts = verifyTwice(signature.slice(0, 64), digest, key.shares[0]!.publicKey)
    expect(verdicts).toMatchObject({ noble: true, second: true })
  }
  expect(new Set(signed.map(({ signature }) => toHex(signature.slice(0, 32)))).size).toBe(50)
  expect(await stock()).toEqual([])
  for (const { id } of dealt) expect(await statusOf(id)).toBe('CONSUMED')
  const lines = (await auditLines()).filter(({ methodName }) => /^(batch|sign)\./.test(methodName))
  expect(lines.map(({ methodName }) => methodName)).toEqual(['batch.prepare', 'batch.release', 'batch.complete'])
  for (const { metadata } of lines) expect(metadata).toMatchObject({ batchId: request.batchId, operations: 50 })
  expect(new Set(lines.map(({ metadata }) => metadata['digests'])).size).toBe(1)
})

test('every session has its own ρ_S, and the same request is answered the same', async () => {
  const request = batchOf(world, key, payments(5))
  const sessions = await prepareHere(world, request)
  expect(new Set(sessions.map(({ rhoS }) => toHex(rhoS))).size).toBe(5)
  expect(await prepareHere(world, request, world.instance())).toEqual(sessions)
  const other = { ...request, transactions: request.transactions.toReversed() }
  await expect(prepareHere(world, other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
  await expect(prepareHere(world, { ...request, path: [1] })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
})

test('what cannot be signed names its operation, and leaves no session', async () => {
  const bad = batchOf(world, key, [{}, {}, { maxFeePerGas: '1', maxPriorityFeePerGas: '2' }])
  const details = 'operation 2: unsignedTx.maxPriorityFeePerGas: above maxFeePerGas'
  await expect(prepareHere(world, bad)).rejects.toMatchObject({ code: 'VALIDATION_FAILED', details })
  expect(await world.stores.parties.get(batchAt(bad.batchId))).toBeUndefined()
  const twice = batchOf(world, key, [{}, {}])
  const [first] = twice.transactions
  const same = { ...twice, transactions: [first!, first!] }
  await expect(prepareHere(world, same)).rejects.toThrow()
  expect(await world.stores.parties.get(batchAt(twice.batchId))).toBeUndefined()
})

test('a signed batch is answered again, with any shares, also by another instance, and spends nothing more', async () => {
  const { request, signatures } = await ready(payments(4))
  const signed = await complete(request, signatures)
  expect(await complete(request, signatures)).toEqual(signed)
  await stockOf(world, key, 4, 'spare')
  expect(await complete(request, signatures.toReversed(), { stores: world.instance() })).toEqual(signed)
  world.clock.now += 12 * 3_600_000
  expect(await complete(request, signatures)).toEqual(signed)
  expect(await stock()).toHaveLength(4)
})

test('S19 a denial in the middle names operation and rule, and consumes nothing', async () => {
  const { request, dealt, signatures } = await ready([...payments(3), { to: `0x${'aa'.repeat(20)}` }, {}])
  await enforce({ recipients: ['0x70997970C51812dc3A010C7d01b50e0d17dc79C8'] })
  const refusal = { code: 'POLICY_DENIED', details: 'operation 3: recipients' }
  await expect(complete(request, signatures)).rejects.toMatchObject(refusal)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('USABLE')
  await expect(prepareHere(world, batchOf(world, key, [{}, { to: `0x${'bb'.repeat(20)}` }]))).rejects.toMatchObject({
    code: 'POLICY_DENIED',
    details: 'operation 1: recipients',
  })
})

test('S19 the operations of a batch share their windows, and what they spend is counted once', async () => {
  const windows = [{ seconds: 3600, amount: '450' }]
  const early = await ready(payments(5))
  await enforce({ assets: [{ chainId: 1, asset: 'native', windows }] })
  const details = 'operation 4: assets eip155:1/native windows 3600'
  await expect(complete(early.request, early.signatures)).rejects.toMatchObject({ code: 'POLICY_DENIED', details })
  await expect(prepareHere(world, batchOf(world, key, payments(5)))).rejects.toMatchObject({ details })

  const four = await ready(payments(4), 'four')
  await complete(four.request, four.signatures)
  const spent = await world.stores.presignatures.get(spendingAt(key.keyId, { chainId: 1, asset: 'native' }))
  expect(spent?.data.entries).toEqual([{ at: world.clock.now, amount: '400' }])
  await expect(prepareHere(world, batchOf(world, key, [{}]))).rejects.toMatchObject({ code: 'POLICY_DENIED' })
})

test('S19 a policy that asks for the second factor gets it for the whole batch, or nothing is consumed', async () => {
  await enforce({ secondFactor: [{ chainId: 1, asset: 'native', above: '100' }] })
  const { request, dealt, signatures } = await ready([{}, { value: '101' }, {}])
  const refusal = { code: 'TWO_FACTOR_REQUIRED', details: 'operation 1' }
  await expect(complete(request, signatures)).rejects.toMatchObject(refusal)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('USABLE')
  expect(await complete(request, signatures, { proven: true })).toHaveLength(3)
  const [line] = (await auditLines()).filter(({ methodName }) => methodName === 'batch.release')
  expect(line!.metadata).toMatchObject({ secondFactor: 'proven' })
})

test('a presignature that is spent, unknown or foreign names its operation and costs the others nothing', async () => {
  const { request, sessions, dealt, signatures } = await ready(payments(3))
  const [spare] = await stockOf(world, key, 1, 'unknown to Sigpair')
  await world.stores.presignatures.delete(presignatureAt(key.keyId, toHex(spare!.id)))
  const bad = signatures.with(1, sharesFor(world, key, [spare!], [sessions[1]!])[0]!)
  const refusal = { code: 'PRESIGNATURE_CONSUMED', details: 'operation 1' }
  await expect(complete(request, bad)).rejects.toMatchObject(refusal)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('USABLE')
  expect(await complete(request, signatures)).toHaveLength(3)
})

test('S16 one presignature for two operations is refused, and stays usable', async () => {
  const { request, dealt, signatures } = await ready(payments(2))
  await expect(complete(request, [signatures[0]!, signatures[0]!])).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(await statusOf(dealt[0]!.id)).toBe('USABLE')
})

test('S16 a batch that is sent five times at once is released once, and answered the same', async () => {
  const { request, signatures } = await ready(payments(6))
  const attempts = Array.from({ length: 5 }, async () => complete(request, signatures, { stores: world.instance() }))
  const outcomes = await Promise.allSettled(attempts)
  const answers = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  for (const answer of answers) expect(answer).toEqual(answers[0])
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      expect(['REQUEST_IN_PROGRESS', 'PRESIGNATURE_CONSUMED']).toContain(outcome.reason.code)
    }
  }
  expect(await complete(request, signatures)).toEqual(answers[0])
  expect(
    (await auditLines()).filter(({ status, methodName }) => methodName === 'batch.release' && status.code === 'OK'),
  ).toHaveLength(1)
})

test('two sets of presignatures that race for one batch give one set of signatures', async () => {
  const { request, sessions, signatures } = await ready(payments(3))
  const others = sharesFor(world, key, await stockOf(world, key, 3, 'others'), sessions)
  const race = [signatures, others].map(async (shares) => complete(request, shares, { stores: world.instance() }))
  const outcomes = await Promise.allSettled(race)
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
  expect(await stock()).toHaveLength(3)
})

test('shares are one per operation, and a malformed one costs no presignature', async () => {
  const { request, dealt, signatures } = await ready(payments(3))
  for (const wrong of [signatures.slice(1), [...signatures, signatures[0]!]]) {
    await expect(complete(request, wrong)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  }
  const bad = Buffer.from(signatures[2]!, 'base64url')
  bad.fill(0xff, 64, 96)
  const refusal = { code: 'VALIDATION_FAILED', details: expect.stringMatching(/^operation 2: /) }
  await expect(complete(request, signatures.with(2, toBase64url(bad)))).rejects.toMatchObject(refusal)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('USABLE')
})

test('S28 sums that are no signatures fail the batch by name, store nothing, and suspend the key', async () => {
  const { request, sessions, dealt, signatures } = await ready(payments(6))
  const broken = signatures.map((share, i) => (i >= 1 && i <= 3 ? tampered(share) : share))
  const refusal = { code: 'MPC_SIGNING_FAILED', details: 'operations 1-3' }
  await expect(complete(request, broken)).rejects.toMatchObject(refusal)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('CONSUMED')
  for (const { sessionId } of sessions) {
    const { parties } = world.stores
    expect((await parties.get({ collection: 'sessions', id: sessionId }))?.data['signature']).toBeNull()
  }
  expect((await readKey(world.stores, key.keyId))?.status).toBe('SUSPENDED')
  await expect(complete(request, signatures)).rejects.toMatchObject(refusal)
})

function tampered(share: string): string {
  const bytes = Buffer.from(share, 'base64url')
  bytes[100]! ^= 1
  return toBase64url(bytes)
}

test('our own failure fails the batch by name and accuses nobody', async () => {
  const { request, signatures } = await ready(payments(4))
  let calls = 0
  const act: CompleteSignature = async (job) => {
    if (calls++ === 2) throw new Error('the thread died')
    return completeHere(job)
  }
  const refusal = { code: 'MPC_SIGNING_FAILED', details: 'operation 2' }
  await expect(complete(request, signatures, { act })).rejects.toMatchObject(refusal)
  expect((await readKey(world.stores, key.keyId))?.pair?.failures).toEqual([])
  expect((await auditLines()).filter(({ methodName }) => methodName === 'batch.fail')[0]).toMatchObject({
    status: { code: 'MPC_SIGNING_FAILED' },
    metadata: { operations: 'operation 2' },
  })
})

test('S16 a crash after the release: the batch fails by name, its presignatures stay spent, a new batch works', async () => {
  await enforce({ assets: [{ chainId: 1, asset: 'native', windows: [{ seconds: 3600, amount: '600' }] }] })
  const { request, sessions, dealt, signatures } = await ready(payments(3))
  const crash: CompleteSignature = async () => new Promise(() => {})
  void complete(request, signatures, { stores: world.instance(), act: crash })
  while ((await stock()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))

  await expect(complete(request, signatures)).rejects.toMatchObject({ code: 'REQUEST_IN_PROGRESS' })
  world.clock.now += RELEASING_MS
  const fresh = sharesFor(world, key, await stockOf(world, key, 3, 'fresh'), sessions)
  const refusal = { code: 'MPC_SIGNING_FAILED', details: 'operations 0-2' }
  await expect(complete(request, fresh)).rejects.toMatchObject(refusal)
  await expect(complete(request, signatures)).rejects.toMatchObject(refusal)
  expect(await stock()).toHaveLength(3)
  for (const { id } of dealt) expect(await statusOf(id)).toBe('CONSUMED')

  const next = await ready(payments(3), 'next')
  expect(await complete(next.request, next.signatures)).toHaveLength(3)
  const spent = await world.stores.presignatures.get(spendingAt(key.keyId, { chainId: 1, asset: 'native' }))
  expect(spent?.data.entries.map(({ amount }) => amount)).toEqual(['300', '300'])
})

test('a request that was slower than the repetition that gave it up stores nothing', async () => {
  const { request, signatures } = await ready(payments(2))
  let resume = () => {}
  const waiting = new Promise<void>((resolve) => (resume = resolve))
  const act: CompleteSignature = async (job) => {
    await waiting
    return completeHere(job)
  }
  const slow = complete(request, signatures, { stores: world.instance(), act }).catch((error: unknown) => error)
  while ((await stock()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  world.clock.now += RELEASING_MS
  await expect(complete(request, signatures)).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED' })
  resume()
  expect(await slow).toMatchObject({ code: 'MPC_SIGNING_FAILED', details: 'operations 0-1' })
})

test('a batch is for one owner, one key and ten minutes, and a frozen key completes none', async () => {
  const { request, signatures } = await ready(payments(2))
  const mallory = { owner: 'https://issuer.test|mallory' }
  await expect(complete(request, signatures, mallory)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(prepareHere(world, request, world.stores, mallory.owner)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const other = await readyKeyIn(world, 'other')
  const foreign = { batchId: request.batchId, keyId: other.keyId, owner: OWNER, signatures }
  await expect(completeBatch(world.stores, completeHere, foreign)).rejects.toMatchObject({ code: 'NOT_FOUND' })

  world.clock.now += 1000 * limits.SESSION_SECONDS
  const late = { code: 'SESSION_CONSUMED', details: 'operation 0: the session has expired' }
  await expect(complete(request, signatures)).rejects.toMatchObject(late)

  const next = await ready(payments(2), 'next')
  await poison(world.stores, key.pair)
  await expect(complete(next.request, next.signatures)).rejects.toMatchObject({ code: 'KEY_FROZEN' })
})

test('a batch that is given up gets no signature, not even by a request that is under way', async () => {
  const { request, signatures } = await ready(payments(2))
  const name = { batchId: request.batchId, keyId: key.keyId, owner: OWNER }
  let resume = () => {}
  const waiting = new Promise<void>((resolve) => (resume = resolve))
  const act: CompleteSignature = async (job) => {
    await waiting
    return completeHere(job)
  }
  const slow = complete(request, signatures, { act }).catch((error: unknown) => error)
  while ((await stock()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await cancelBatch(world.instance(), name)
  await cancelBatch(world.stores, name)
  resume()
  const refusal = { code: 'SESSION_CONSUMED', details: 'the batch was cancelled' }
  expect(await slow).toMatchObject(refusal)
  await expect(complete(request, signatures)).rejects.toMatchObject(refusal)
  const foreign = { ...name, owner: 'https://issuer.test|mallory' }
  await expect(cancelBatch(world.stores, foreign)).rejects.toMatchObject({ code: 'NOT_FOUND' })

  const next = await ready(payments(2), 'next')
  await complete(next.request, next.signatures)
  const signed = { ...name, batchId: next.request.batchId }
  await expect(cancelBatch(world.stores, signed)).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
})

test('a session of a batch is signed, given up and put into a dialogue with its batch only', async () => {
  const { request, sessions, signatures } = await ready(payments(2))
  const name = { sessionId: sessions[0]!.sessionId, keyId: key.keyId, owner: OWNER }
  const refusal = { code: 'VALIDATION_FAILED', details: 'sessionId: of a batch' }
  const alone = completeSession(world.stores, completeHere, { ...name, p1SignatureShare: signatures[0]! })
  await expect(alone).rejects.toMatchObject(refusal)
  await expect(loadUnsigned(world.stores, name)).rejects.toMatchObject(refusal)
  await expect(cancelSession(world.stores, name)).rejects.toMatchObject(refusal)
  expect(await complete(request, signatures)).toHaveLength(2)
})

test('a child key signs its batch from the same stock', async () => {
  const request = { ...batchOf(world, key, payments(2)), path: [44, 7] }
  const sessions = await prepareHere(world, request)
  const shares = sharesFor(world, key, await stockOf(world, key, 2), sessions)
  for (const { digest, signature } of await complete(request, shares)) {
    expect(noble.recover(signature.slice(0, 64), signature[64]!, digest)).not.toEqual(key.shares[0]!.publicKey)
  }
})

test.each([
  [[0], 'operation 0'],
  [[0, 1, 2], 'operations 0-2'],
  [[1, 3, 4, 9], 'operations 1, 3-4, 9'],
  [Array.from({ length: 25 }, (_, i) => 2 * i), expect.stringMatching(/^operations 0, 2, .*48$/)],
])('%j are named %s', (indices, words) => {
  const named = namesOf(indices)
  expect(named).toEqual(words)
  expect(named.length).toBeLessThan(200)
})
