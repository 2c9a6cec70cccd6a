import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sha256 } from '@noble/hashes/sha2.js'
import { createUsable, pairAt, poison, presignatureAt } from '@tandem/sigpair'
import { canonicalJson, intentBytes, type Policy, type SetPolicyRequest, toHex, utf8 } from '@tandem/wire'
import { readPolicy, setPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { policyAt, releaseSession } from '../../sigpair/src/policy/policy-store.ts'
import { dealPresignature } from './deal-presignature.ts'
import { startKms, type TestKms } from './kms.ts'
import { preparePayment, SHOP, signPayment } from './payments.ts'
import { openWorld, OWNER, readyKeyIn, type TestKey, type World } from './world.ts'

const DELAY = 86_400_000
const HOUR = 3_600_000

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

function asked(policy: Policy | null, change: object = {}): SetPolicyRequest & { readonly keyId: string } {
  const unsigned = {
    op: 'policy' as const,
    keyId: key.keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson({ policy })))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
    ...change,
  }
  return { keyId: key.keyId, policy, intent: { ...unsigned, signature: toHex(key.sign(intentBytes(unsigned))) } }
}

const change = async (request: ReturnType<typeof asked>, owner = OWNER, policyDelayMs = DELAY) =>
  setPolicy(world.stores, { policyDelayMs }, owner, request)
const put = async (policy: Policy | null) => change(asked(policy))
const denied = (details: string) => ({ code: 'POLICY_DENIED', details })
const perHour = (amount: string): Policy => ({
  assets: [{ chainId: 1, asset: 'native', windows: [{ seconds: 3600, amount }] }],
})
const WINDOW = 'assets eip155:1/native windows 3600'

test('without a policy everything is signed', async () => {
  expect(await readPolicy(world.stores, key.keyId, OWNER)).toEqual({ version: 0, inForce: [], pending: null })
  await signPayment(world, key, await preparePayment(world, key, { data: '0xdeadbeef' }))
})

test('S19 a policy refuses early, at the preparation', async () => {
  await put({ recipients: [`0x${'aa'.repeat(20)}`] })
  await expect(preparePayment(world, key)).rejects.toMatchObject(denied('recipients'))
})

test('S19 a policy that came after the preparation refuses at the release, and costs no presignature', async () => {
  const session = await preparePayment(world, key)
  await put({ chains: [5] })
  await expect(signPayment(world, key, session)).rejects.toMatchObject(denied('chains'))
  const { stock } = (await world.stores.presignatures.get(pairAt(key.pair)))!.data
  expect(stock).toHaveLength(1)
  await expect(releaseSession(world.stores, session)).rejects.toMatchObject(denied('chains'))
})

test('S19 what was released fills the window, until it is an hour ago to the millisecond', async () => {
  await put(perHour('250'))
  const [first, second, third] = [0, 1, 2].map(() => async () => preparePayment(world, key))
  const waiting = [await first!(), await second!(), await third!()]
  await signPayment(world, key, waiting[0]!)
  await signPayment(world, key, waiting[1]!)
  await expect(signPayment(world, key, waiting[2]!)).rejects.toMatchObject(denied(WINDOW))
  await expect(preparePayment(world, key)).rejects.toMatchObject(denied(WINDOW))
  world.clock.now += HOUR - 1
  await expect(preparePayment(world, key)).rejects.toMatchObject(denied(WINDOW))
  world.clock.now += 1
  await signPayment(world, key, await preparePayment(world, key))
})

test('a preparation reserves nothing, and a session that is signed twice is charged once', async () => {
  await put(perHour('100'))
  await preparePayment(world, key)
  const session = await preparePayment(world, key)
  await releaseSession(world.stores, session)
  await releaseSession(world.instance(), session)
  await signPayment(world, key, session)
  await expect(preparePayment(world, key)).rejects.toMatchObject(denied(WINDOW))
})

test('two releases at once never both fit under one limit', async () => {
  await put(perHour('100'))
  const sessions = [await preparePayment(world, key), await preparePayment(world, key)]
  const outcomes = await Promise.allSettled(sessions.map((s) => signPayment(world, key, s, world.instance())))
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

test('two processes that race for one limit get exactly what it allows', async () => {
  await put(perHour('550'))
  const ids = Array.from({ length: 12 }, (_, i) => dealPresignature(key, world.rng.fork(`race ${i}`)))
  for (const dealt of ids) await createUsable(world.stores, world.stores.sealer, key.pair, [dealt.sigpair()])
  const child = join(import.meta.dirname, 'children/spender.ts')
  const pair = JSON.stringify({ ...key.pair, ssid: toHex(key.pair.ssid) })
  const race = [ids.slice(0, 6), ids.slice(6)].map(async (own) => {
    const list = own.map(({ id }) => toHex(id)).join()
    const args = [child, world.folder, kms.address, pair, list, String(world.clock.now)]
    return Number((await promisify(execFile)(process.execPath, args)).stdout)
  })
  const [a, b] = await Promise.all(race)
  expect(a! + b!).toBe(5)
})

test('tightening acts at once, and consumes the stock', async () => {
  const dealt = dealPresignature(key, world.rng)
  await createUsable(world.stores, world.stores.sealer, key.pair, [dealt.sigpair()])
  const answer = await put(perHour('100'))
  expect(answer).toEqual({ version: 1, inForce: [perHour('100')], pending: null })
  expect((await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(dealt.id))))?.data).toMatchObject({
    status: 'CONSUMED',
    payload: null,
  })
  expect((await put(perHour('50'))).inForce).toEqual([perHour('50')])
})

test('loosening waits for its delay, and until then both policies hold', async () => {
  await put({ ...perHour('100'), messages: 'allow' })
  const looser = { ...perHour('1000'), recipients: [SHOP] }
  const { version, inForce, pending } = await put(looser)
  expect({ version, layers: inForce.length, pending }).toEqual({
    version: 2,
    layers: 2,
    pending: { policy: looser, at: (world.clock.now + DELAY) / 1000 },
  })
  await expect(preparePayment(world, key, { value: '101' })).rejects.toMatchObject(denied(WINDOW))
  await expect(preparePayment(world, key, { to: `0x${'aa'.repeat(20)}` })).rejects.toMatchObject(denied('recipients'))
  world.clock.now += DELAY - 1
  await expect(preparePayment(world, key, { value: '101' })).rejects.toMatchObject(denied(WINDOW))
  world.clock.now += 1
  await preparePayment(world, key, { value: '101' })
  expect(await readPolicy(world.stores, key.keyId, OWNER)).toEqual({ version: 2, inForce: [looser], pending: null })
})

test('a later change cancels one that waits, and taking the policy away waits too', async () => {
  await put(perHour('100'))
  expect((await put(null)).pending).toEqual({ policy: null, at: (world.clock.now + DELAY) / 1000 })
  expect(await put(perHour('100'))).toEqual({ version: 3, inForce: [perHour('100')], pending: null })
  world.clock.now += 2 * DELAY
  await expect(preparePayment(world, key, { value: '101' })).rejects.toMatchObject(denied(WINDOW))
  await put(null)
  world.clock.now += DELAY
  await preparePayment(world, key, { value: '101' })
})

test('what a change has tightened, the next one cannot loosen at once', async () => {
  await put(perHour('100'))
  await put({ ...perHour('1000'), recipients: [SHOP] })
  const back = await put(perHour('100'))
  expect(back.pending?.policy).toEqual(perHour('100'))
  await expect(preparePayment(world, key, { to: `0x${'aa'.repeat(20)}` })).rejects.toMatchObject(denied('recipients'))
})

test('a change needs its owner, the device’s intent over exactly this policy, and each intent once', async () => {
  const policy = perHour('100')
  await expect(change(asked(policy), 'https://issuer.test|mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const wrong = [{ op: 'rotate' }, { epoch: 1 }, { expiry: 1 }, { bodyHash: toHex(world.rng(32)) }]
  for (const bad of wrong) await expect(change(asked(policy, bad))).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await expect(change({ ...asked(policy), policy: null })).rejects.toMatchObject({ details: 'intent.bodyHash' })

  const once = asked(policy)
  expect(await change(once)).toEqual(await change(once))
  await put(perHour('50'))
  await expect(change(once)).rejects.toMatchObject({ details: 'intent.nonce' })
})

test('a frozen key still takes a tighter policy', async () => {
  await poison(world.stores, key.pair)
  expect((await put(perHour('1'))).version).toBe(1)
})

test('a policy that was lost with its database refuses everything, until it is set again', async () => {
  await put(perHour('100'))
  await world.stores.presignatures.delete(policyAt(key.keyId))
  await expect(preparePayment(world, key, { value: '1' })).rejects.toMatchObject(
    denied('the policy was lost; set it again'),
  )
  expect((await put(perHour('100'))).version).toBe(2)
  await preparePayment(world, key, { value: '1' })
})
