import { loadOrCreateSigningKey, trustKeys, verifyTicket } from '@tandem/service'
import { openStore } from '@tandem/store'
import type { KeyStatus, TicketResponse } from '@tandem/wire'
import { nonces } from '../../functions/src/ports/nonces.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { prepare, sign, startWorld, type Wallet, type World } from './world.ts'

const DEVICE = {
  identity: `0x${'0a'.repeat(32)}`,
  exchange: `0x${'0b'.repeat(32)}`,
  certificate: `0x${'0c'.repeat(64)}`,
}
const ENROLLED = { identity: `0x${'01'.repeat(32)}`, exchange: `0x${'01'.repeat(32)}` }

let anvil: Anvil
let world: World
let wallet: Wallet

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url)
  wallet = await world.createWallet('ada')
  await anvil.fund(wallet.address)
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

const ask = (body: object, user = 'ada') => world.call<TicketResponse>(user, 'POST', '/api/v1/mpc/tickets', body)

async function claimsOf({ body }: Awaited<ReturnType<typeof ask>>) {
  const { publicJwk } = await loadOrCreateSigningKey(world.config.signingKeyFile)
  return verifyTicket(body.ticket, trustKeys([publicJwk]))
}

test('a keygen ticket names a new key, the caller, and the device that asked', async () => {
  const answer = await ask({ operation: 'keygen', deviceKey: DEVICE })
  expect(answer.body).toMatchObject({ sigpairUrl: 'ws://127.0.0.1:8080', cloudPublicKey: `0x${'01'.repeat(32)}` })

  const claims = await claimsOf(answer)
  const { identity, exchange } = DEVICE
  expect(claims).toMatchObject({ sub: world.issuer.userOf('ada'), op: 'keygen', epoch: 0, cnf: { identity, exchange } })
  expect(claims.keyId).toBe(answer.body.keyId)
  expect(claims.exp).toBe(answer.body.expiresAt)
  expect((await ask({ operation: 'keygen', deviceKey: DEVICE })).body.keyId).not.toBe(answer.body.keyId)
})

test('a presign ticket is for the enrolled device and the epoch in force', async () => {
  const claims = await claimsOf(await ask({ operation: 'presign', keyId: wallet.key.keyId }))
  expect(claims).toMatchObject({ op: 'presign', keyId: wallet.key.keyId, epoch: 0, cnf: ENROLLED })
})

test('a sign ticket names the session, its digest and its path', async () => {
  const { sessionId, digest } = await prepare(world, wallet, { path: [1] })
  const claims = await claimsOf(await ask({ operation: 'sign', keyId: wallet.key.keyId, sessionId }))
  expect(claims.session).toEqual({ sessionId, digest, path: [1] })
})

test('a sign ticket holds the nonce beyond the session’s end: a signature may come to be without us', async () => {
  const { sessionId, unsignedTx } = await prepare(world, wallet)
  const later = nonces(await openStore(world.config.store), () => Date.now() + 3_600_000)
  const held = async () => (await later.overdue({ chainId: 31337, address: wallet.address }, 0)).map((r) => r.nonce)
  expect(await held()).not.toContain(unsignedTx.nonce)
  await ask({ operation: 'sign', keyId: wallet.key.keyId, sessionId })
  expect(await held()).toContain(unsignedTx.nonce)
})

test('a sign ticket is refused once the transaction is signed', async () => {
  const { sessionId } = await prepare(world, wallet)
  await sign(world, wallet, sessionId)
  expect((await ask({ operation: 'sign', keyId: wallet.key.keyId, sessionId })).body.error).toBe('SESSION_CONSUMED')
})

test('a key is known by its id in any case', async () => {
  const keyId = `0x${wallet.key.keyId.slice(2).toUpperCase()}`
  expect((await ask({ operation: 'presign', keyId })).body.keyId).toBe(wallet.key.keyId)
})

test.each([
  [
    'keygen with a key id of the caller’s choice',
    { operation: 'keygen', deviceKey: DEVICE, keyId: `0x${'05'.repeat(32)}` },
  ],
  ['keygen without a device', { operation: 'keygen' }],
  ['presign without a key', { operation: 'presign' }],
  ['sign without a session', { operation: 'sign', keyId: `0x${'05'.repeat(32)}` }],
  ['an operation that does not exist', { operation: 'export' }],
])('%s is refused', async (_, body) => {
  const { status } = await ask('keyId' in body && !('deviceKey' in body) ? { ...body, keyId: wallet.key.keyId } : body)
  expect(status).toBe(400)
})

test('another user gets no ticket for the key or the session', async () => {
  const { sessionId } = await prepare(world, wallet)
  const { keyId } = wallet.key
  expect((await ask({ operation: 'presign', keyId }, 'eve')).status).toBe(404)
  const hers = await world.createWallet('eve')
  expect((await ask({ operation: 'sign', keyId: hers.key.keyId, sessionId }, 'eve')).status).toBe(404)
  const second = await world.createWallet('ada')
  expect((await ask({ operation: 'sign', keyId: second.key.keyId, sessionId })).status).toBe(404)
})

test.each<[KeyStatus, string]>([
  ['PENDING', 'KEY_PENDING'],
  ['ERROR', 'INVALID_KEY_SHARE'],
  ['DELETED', 'KEY_DELETED'],
  ['FROZEN', 'KEY_FROZEN'],
  ['SUSPENDED', 'KEY_FROZEN'],
  ['STALE', 'KEY_FROZEN'],
])('a key that is %s gets no ticket: %s', async (status, error) => {
  wallet.key.status = status
  expect((await ask({ operation: 'presign', keyId: wallet.key.keyId })).body.error).toBe(error)
  wallet.key.status = 'READY'
})
