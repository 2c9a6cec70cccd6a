import {
  combine,
  decodePresignature,
  decodeSignatureShare,
  derive,
  encodeSignature,
  encodeSignatureShare,
  noble,
  onlineShare,
} from '@tandem/ecdsa'
import {
  type CompleteSignature,
  completeSession,
  createUsable,
  DEVICE,
  loadUnsigned,
  poison,
  prepareSession,
  presignatureAt,
  readKey,
  SIGPAIR,
  storeSignature,
} from '@tandem/sigpair'
import { limits, type PrepareSessionRequest, toBase64url, toHex, type UnsignedTx } from '@tandem/wire'
import { hashMessage, recoverAddress, Transaction } from 'ethers'
import { addr } from 'micro-eth-signer'
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

const unsignedTx: UnsignedTx = {
  type: 'eip1559',
  chainId: 31337,
  nonce: 4,
  maxPriorityFeePerGas: '1000000000',
  maxFeePerGas: '3000000000',
  gasLimit: '21000',
  to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  value: '1000000000000000000',
  data: '0x',
}
const ID = `ses_${'a'.repeat(22)}`

const request = (change: Partial<PrepareSessionRequest> = {}): PrepareSessionRequest => ({
  sessionId: ID,
  keyId: key.keyId,
  path: [],
  payload: { kind: 'transaction', unsignedTx },
  ...change,
})
const prepare = async (change?: Partial<PrepareSessionRequest>, owner = OWNER) =>
  prepareSession(world.stores, { backend: noble, rng: world.rng }, owner, request(change))

/** What the worker does with a job. */
const completeHere: CompleteSignature = async ({ presignature, share, key: current, message }) => {
  const device = decodeSignatureShare(share, DEVICE)
  const signers = [DEVICE, SIGPAIR]
  const online = { ...message, rhoD: device.rhoD }
  const own = onlineShare(noble, decodePresignature(presignature), { ...current, signers }, online)
  return encodeSignature(combine(noble, own.target, [own.share, device], 'evm'))
}

async function stocked(name: string): Promise<DealtPresignature> {
  const dealt = dealPresignature(key, world.rng.fork(name))
  await createUsable(world.stores, world.stores.sealer, key.pair, [dealt.sigpair()])
  return dealt
}

type Prepared = Awaited<ReturnType<typeof prepare>>

/** The device's answer to a prepared session. */
function deviceShare({ device }: DealtPresignature, { digest, path, rhoS }: Prepared): string {
  const { publicKey, chainCode } = key.shares[0]!
  const current = { publicKey, chainCode, epoch: 0, signers: [DEVICE, SIGPAIR] }
  const message = { digest, path, rhoS, rhoD: world.rng(32) }
  return toBase64url(encodeSignatureShare(onlineShare(noble, device, current, message).share))
}

const complete = async (p1SignatureShare?: string, stores = world.stores, owner = OWNER) =>
  completeSession(stores, completeHere, { sessionId: ID, keyId: key.keyId, owner, p1SignatureShare })

test('a prepared transaction has the digest ethers computes, and its signature recovers to the wallet', async () => {
  const session = await prepare()
  expect(toHex(session.digest)).toBe(Transaction.from({ ...unsignedTx, type: 2 }).unsignedHash)
  expect(session.expiresAt).toBe(world.clock.now + 1000 * limits.SESSION_SECONDS)

  const { digest, signature } = await complete(deviceShare(await stocked('p'), session))
  const recovered = recoverAddress(toHex(digest), {
    r: toHex(signature.slice(0, 32)),
    s: toHex(signature.slice(32, 64)),
    yParity: signature[64] as 0 | 1,
  })
  expect(recovered).toBe(addr.fromPublicKey(key.shares[0]!.publicKey))
})

test('a child key signs from the same stock', async () => {
  const session = await prepare({ path: [44, 60, 7] })
  const { digest, signature } = await complete(deviceShare(await stocked('p'), session))
  const child = derive(noble, key.shares[0]!, [44, 60, 7])
  expect(noble.verify(signature.slice(0, 64), digest, child.publicKey)).toBe(true)
})

test('a message is hashed as EIP-191 says', async () => {
  const { digest } = await prepare({ payload: { kind: 'message', message: 'grüezi 🏔' } })
  expect(toHex(digest)).toBe(hashMessage('grüezi 🏔'))
})

test('the same request is prepared once and answered the same; another under its id is refused', async () => {
  const first = await prepare()
  expect(await prepare()).toEqual(first)
  const other = { kind: 'message', message: 'pay mallory' } as const
  await expect(prepare({ payload: other })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
  await expect(prepare({ path: [1] })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
})

test('S25 every session has its own ρ_S, from Sigpair, and a share made for another ρ_S makes no signature', async () => {
  const session = await prepare()
  const other = await prepare({ sessionId: `ses_${'b'.repeat(22)}` })
  expect(toHex(session.rhoS)).not.toBe(toHex(other.rhoS))
  const share = deviceShare(await stocked('p'), other)
  await expect(complete(share)).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED' })
})

test('nothing is prepared for a foreign key, a frozen key, a path without a child, or what cannot be encoded', async () => {
  await expect(prepare({}, 'https://issuer.test|mallory')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(prepare({ path: [2 ** 31] })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  const wrong = { ...unsignedTx, to: unsignedTx.to.replace('C51812', 'c51812') }
  const payload = { kind: 'transaction', unsignedTx: wrong } as const
  await expect(prepare({ payload })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  await poison(world.stores, key.pair)
  await expect(prepare()).rejects.toMatchObject({ code: 'KEY_FROZEN', details: 'FROZEN' })
})

test('a signed session answers its signature for ever, with or without a share, and spends nothing more', async () => {
  const session = await prepare()
  const signed = await complete(deviceShare(await stocked('p'), session))
  const spare = await stocked('spare')
  expect(await complete()).toEqual(signed)
  expect(await complete(deviceShare(spare, session))).toEqual(signed)
  world.clock.now += 12 * 3_600_000
  expect(await complete(undefined, world.instance())).toEqual(signed)
  const record = await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(spare.id)))
  expect(record?.data.status).toBe('USABLE')
})

test('S16 one request sent five times at once is signed once and answered five times', async () => {
  const session = await prepare()
  const share = deviceShare(await stocked('p'), session)
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, async () => complete(share, world.instance())))
  const signatures = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [toHex(o.value.signature)] : []))
  expect(new Set(signatures).size).toBe(1)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'PRESIGNATURE_CONSUMED' })
  }
  expect(toHex((await complete(share)).signature)).toBe(signatures[0])
})

test('two presignatures racing for one session give one signature', async () => {
  const session = await prepare()
  const shares = [await stocked('p'), await stocked('q')].map((dealt) => deviceShare(dealt, session))
  const [a, b] = await Promise.all(shares.map(async (share) => complete(share, world.instance())))
  expect(a).toEqual(b)
})

test('S28 a sum that is no signature is not stored, spends the presignature, and the third suspends the key', async () => {
  const session = await prepare()
  for (const name of ['p', 'q', 'r']) {
    const dealt = await stocked(name)
    const share = Buffer.from(deviceShare(dealt, session), 'base64url')
    share[100]! ^= 1
    await expect(complete(toBase64url(share))).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED' })
    const record = await world.stores.presignatures.get(presignatureAt(key.keyId, toHex(dealt.id)))
    expect(record?.data).toMatchObject({ status: 'CONSUMED', payload: null })
  }
  await expect(complete()).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  expect((await readKey(world.stores, key.keyId))?.status).toBe('SUSPENDED')
})

test('our own failure spends the presignature and accuses nobody', async () => {
  const session = await prepare()
  const share = deviceShare(await stocked('p'), session)
  const asked = { sessionId: ID, keyId: key.keyId, owner: OWNER, p1SignatureShare: share }
  const dead = async () => Promise.reject(new Error('the thread died'))
  await expect(completeSession(world.stores, dead, asked)).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED' })
  await expect(complete(share)).rejects.toMatchObject({ code: 'PRESIGNATURE_CONSUMED' })
  expect((await readKey(world.stores, key.keyId))?.pair?.failures).toEqual([])
})

test('S9 a share that is malformed is refused before it costs a presignature', async () => {
  const session = await prepare()
  const dealt = await stocked('p')
  const share = Buffer.from(deviceShare(dealt, session), 'base64url')
  const high = Buffer.from(share)
  high.fill(0xff, 64, 96)
  for (const bad of [toBase64url(high), toBase64url(share.subarray(1)), `${toBase64url(share).slice(0, -1)}!`]) {
    await expect(complete(bad)).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  }
  await expect(complete(toBase64url(share))).resolves.toBeDefined()
})

test('a session is for one owner, one key and ten minutes', async () => {
  const session = await prepare()
  const share = deviceShare(await stocked('p'), session)
  await expect(complete(share, world.stores, 'https://issuer.test|mallory')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  const other = await readyKeyIn(world, 'other')
  const asked = { sessionId: ID, keyId: other.keyId, owner: OWNER, p1SignatureShare: share }
  await expect(completeSession(world.stores, completeHere, asked)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  world.clock.now += 1000 * limits.SESSION_SECONDS
  await expect(complete(share)).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
  const name = { sessionId: ID, keyId: key.keyId, owner: OWNER }
  await expect(loadUnsigned(world.stores, name)).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
})

test('the signature of an interactive dialogue is answered, and the first one stays', async () => {
  await prepare()
  const [first, second] = [world.rng(65), world.rng(65)]
  expect(await storeSignature(world.stores, ID, first)).toEqual(first)
  expect(await storeSignature(world.instance(), ID, second)).toEqual(first)
  expect((await complete()).signature).toEqual(first)
  const name = { sessionId: ID, keyId: key.keyId, owner: OWNER }
  await expect(loadUnsigned(world.stores, name)).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
})

test('a frozen key completes nothing, but still answers what it signed', async () => {
  const session = await prepare()
  const signed = await complete(deviceShare(await stocked('p'), session))
  const open = await prepare({ sessionId: `ses_${'b'.repeat(22)}` })
  const share = deviceShare(await stocked('q'), open)
  await poison(world.stores, key.pair)
  expect(await complete()).toEqual(signed)
  const asked = { sessionId: open.sessionId, keyId: key.keyId, owner: OWNER, p1SignatureShare: share }
  await expect(completeSession(world.stores, completeHere, asked)).rejects.toMatchObject({ code: 'KEY_FROZEN' })
})
