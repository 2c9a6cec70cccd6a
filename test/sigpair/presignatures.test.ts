import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { decodePresignature } from '@tandem/ecdsa'
import {
  consume,
  createUsable,
  pairAt,
  poison,
  presignatureAt,
  reconcile,
  roomFor,
  recordFailure,
  strike,
} from '@tandem/sigpair'
import { limits, toHex } from '@tandem/wire'
import { type DealtPresignature, dealPresignature } from './deal-presignature.ts'
import { startKms, type TestKms } from './kms.ts'
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

const spent = { code: 'PRESIGNATURE_CONSUMED' }
const wanted = ({ id }: { readonly id: Uint8Array }) => ({
  pair: key.pair,
  id,
  sessionId: 'ses_x',
  use: 1,
  owner: OWNER,
  claim: { kind: 'message' as const },
})
const record = async (id: Uint8Array) =>
  (await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(id))))?.data
const stock = async () => (await world.stores.presignatures.get(pairAt(key.pair)))!.data.stock

async function stocked(count: number): Promise<DealtPresignature[]> {
  const dealt = Array.from({ length: count }, (_, i) => dealPresignature(key, world.rng.fork(`p${i}`)))
  const seals = world.stores.sealer.session()
  await createUsable(
    world.stores,
    seals,
    key.pair,
    dealt.map(({ sigpair }) => sigpair()),
  )
  seals.end()
  return dealt
}

test('a presignature comes out of stock as it went in', async () => {
  const [dealt] = await stocked(1)
  const taken = await consume(world.stores, wanted(dealt!))
  expect(taken).toEqual(dealt!.sigpair().payload)
  expect(toHex(decodePresignature(taken).id)).toBe(toHex(dealt!.id))
})

test('what rests is sealed, and consuming leaves nothing but the id and what it was used for', async () => {
  const [dealt] = await stocked(1)
  const payload = (await record(dealt!.id))!.payload!
  expect(Buffer.from(payload.ciphertext).includes(Buffer.from(dealt!.id))).toBe(false)

  await consume(world.stores, wanted(dealt!))
  expect(await record(dealt!.id)).toMatchObject({ status: 'CONSUMED', payload: null, sessionId: 'ses_x' })
  expect(await stock()).toEqual([])
})

test('S16 a presignature is consumed once', async () => {
  const [dealt] = await stocked(1)
  await consume(world.stores, wanted(dealt!))
  await expect(consume(world.stores, wanted(dealt!))).rejects.toMatchObject(spent)
  await expect(consume(world.instance(), wanted(dealt!))).rejects.toMatchObject(spent)
})

test('S16 of parallel consumers on several instances exactly one succeeds', async () => {
  const [dealt] = await stocked(1)
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => consume(world.instance(), wanted(dealt!))))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('S16 of two OS processes exactly one gets each presignature', async () => {
  const dealt = await stocked(12)
  const ids = dealt.map(({ id }) => toHex(id)).join(',')
  const pair = JSON.stringify({ ...key.pair, ssid: toHex(key.pair.ssid) })
  const race = async () => {
    const script = join(import.meta.dirname, 'children', 'consumer.ts')
    const args = [script, world.folder, kms.address, pair, ids, String(world.clock.now)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => (text += String(chunk)))
    expect(await once(child, 'close')).toEqual([0, null])
    return text.trim().split(',').filter(Boolean)
  }
  const won = (await Promise.all([race(), race()])).flat()
  expect(won.toSorted()).toEqual(dealt.map(({ id }) => toHex(id)).toSorted())
})

test('S21 an id that was ever known is never created again: not while usable, not consumed, not reconciled away', async () => {
  const [used, dropped, usable] = await stocked(3)
  await consume(world.stores, wanted(used!))
  await reconcile(world.stores, key.pair, [usable!.id])

  for (const { sigpair } of [used!, dropped!, usable!]) {
    const again = createUsable(world.instance(), world.stores.sealer, key.pair, [sigpair()])
    await expect(again).rejects.toMatchObject({ code: 'EXISTS' })
  }
  expect(await stock()).toEqual([toHex(usable!.id)])
  await expect(consume(world.stores, wanted(used!))).rejects.toMatchObject(spent)
})

test('a batch with one known id is refused whole', async () => {
  const [known] = await stocked(1)
  const fresh = dealPresignature(key, world.rng.fork('fresh'))
  const batch = [fresh.sigpair(), known!.sigpair()]
  await expect(createUsable(world.stores, world.stores.sealer, key.pair, batch)).rejects.toMatchObject({
    code: 'EXISTS',
  })
  expect(await record(fresh.id)).toBeUndefined()
})

test('S23 a presignature older than a day is refused and consumed at the next inventory', async () => {
  const [dealt] = await stocked(1)
  world.clock.now += limits.PRESIGNATURE_MS
  await expect(consume(world.stores, wanted(dealt!))).rejects.toMatchObject(spent)
  expect(await roomFor(world.stores, key.pair, [dealt!.id])).toBe(limits.MAX_PRESIGNATURES)
  await reconcile(world.stores, key.pair, [dealt!.id])
  expect(await record(dealt!.id)).toMatchObject({ status: 'CONSUMED', payload: null })
})

test('S23 a presignature of another epoch or another pair of the key is refused', async () => {
  const [dealt] = await stocked(1)
  const other = { ...key.pair, ssid: world.rng(32) }
  await expect(consume(world.stores, { ...wanted(dealt!), pair: other })).rejects.toMatchObject(spent)
  const next = { ...key.pair, epoch: 1 }
  await expect(consume(world.stores, { ...wanted(dealt!), pair: next })).rejects.toMatchObject(spent)
  await expect(consume(world.stores, wanted(dealt!))).resolves.toBeDefined()
})

test('a batch made in another epoch than the pair is refused', async () => {
  const late = createUsable(world.stores, world.stores.sealer, { ...key.pair, epoch: 1 }, [])
  await expect(late).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
})

test('the stock never exceeds 64', async () => {
  await stocked(limits.MAX_PRESIGNATURES)
  const one = dealPresignature(key, world.rng.fork('one more'))
  const more = createUsable(world.stores, world.stores.sealer, key.pair, [one.sigpair()])
  await expect(more).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(await record(one.id)).toBeUndefined()
})

test('an inventory consumes what the device does not name and says how much room there is', async () => {
  const dealt = await stocked(5)
  const held = [dealt[1]!.id, dealt[3]!.id, world.rng(32)]
  expect(await roomFor(world.stores, key.pair, held)).toBe(limits.MAX_PRESIGNATURES - 2)
  await reconcile(world.stores, key.pair, held)

  expect(await stock()).toEqual([dealt[1]!, dealt[3]!].map(({ id }) => toHex(id)))
  await expect(consume(world.stores, wanted(dealt[0]!))).rejects.toMatchObject(spent)
  await expect(consume(world.stores, wanted(dealt[1]!))).resolves.toBeDefined()
})

test('poison consumes the whole stock in the transaction that freezes the pair', async () => {
  const dealt = await stocked(3)
  await poison(world.stores, key.pair)
  for (const { id } of dealt) expect(await record(id)).toMatchObject({ status: 'CONSUMED', payload: null })
})

test('S1 a pair that is not ACTIVE stocks nothing and gives nothing out', async () => {
  const [dealt] = await stocked(1)
  for (let i = 0; i < limits.MAX_STRIKES; i++) await strike(world.stores, key.pair)
  const frozen = { code: 'KEY_FROZEN', details: 'SUSPENDED' }
  await expect(consume(world.stores, wanted(dealt!))).rejects.toMatchObject(frozen)
  const more = createUsable(world.stores, world.stores.sealer, key.pair, [])
  await expect(more).rejects.toMatchObject(frozen)
  await expect(reconcile(world.stores, key.pair, [])).rejects.toMatchObject(frozen)
})

test('a KMS that does not answer costs no presignature', async () => {
  const [dealt] = await stocked(1)
  const open = async () => Promise.reject(new Error('unreachable'))
  const down = { ...world.stores, sealer: { ...world.stores.sealer, open } }
  await expect(consume(down, wanted(dealt!))).rejects.toThrow('unreachable')
  await expect(consume(world.stores, wanted(dealt!))).resolves.toBeDefined()
})

test('a store that fails after it was asked gives no payload, and the presignature counts as consumed', async () => {
  const [dealt] = await stocked(1)
  const { presignatures } = world.stores
  const transaction: typeof presignatures.transaction = async (fn, options) => {
    await presignatures.transaction(fn, options)
    throw new Error('the answer was lost')
  }
  const lossy = { ...world.stores, presignatures: { ...presignatures, transaction } }
  await expect(consume(lossy, wanted(dealt!))).rejects.toThrow('the answer was lost')
  await expect(consume(world.stores, wanted(dealt!))).rejects.toMatchObject(spent)
})

test('a failed signature does not bring its presignature back', async () => {
  const [dealt] = await stocked(1)
  await consume(world.stores, wanted(dealt!))
  await recordFailure(world.stores, key.pair)
  await expect(consume(world.stores, wanted(dealt!))).rejects.toMatchObject(spent)
})
