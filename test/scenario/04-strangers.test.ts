import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { memoryVault, type TandemClient, type Wallet } from '@tandem/client'
import { issueTicket, loadOrCreateSigningKey, type TicketGrant } from '@tandem/service'
import { readKey, sessionAt } from '@tandem/sigpair'
import {
  ERRORS,
  type ErrorCode,
  fromHex,
  type Hello,
  type PrepareTransactionResponse,
  toBase64url,
  toHex,
  type UnsignedTx,
} from '@tandem/wire'
import { parseEther, verifyMessage } from 'ethers'
import { WebSocketServer } from 'ws'
import { transactionDigest } from '../../shared/client/src/wallet/transaction.ts'
import { bareDevice } from '../helpers/bare-device.ts'
import { converse, createDevice, type Device } from '../helpers/device.ts'
import { lyingBackend, type LyingBackend } from '../helpers/lying-backend.ts'
import { ask, platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'

const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const THIEF = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'

const vault = memoryVault()
let stack: TestStack
let alice: TandemClient
let wallet: Wallet
/** the body of Alice's commit */
let commit: object
/** a payment she has prepared and not signed */
let prepared: PrepareTransactionResponse

beforeAll(async () => {
  stack = await startTestStack()
  const platform = platformWith(async (url, request, pass) => {
    if (url.endsWith('/api/v2/profiles')) commit = JSON.parse(request.body!) as object
    return pass(url, request)
  })
  alice = stack.device('alice', { vault, platform })
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('10'))
  await alice.fillPresignatures(wallet, 6)
  const path = `/api/v1/profiles/${wallet.profileId}/transactions`
  const request = { to: SHOP, value: '1', chainId: stack.chainId }
  prepared = (await ask(stack, 'alice', 'POST', path, request)).body as PrepareTransactionResponse
})
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

const payment = () => ({ to: SHOP, value: 1_000n, chainId: stack.chainId })

describe('another user', () => {
  type Ids = { readonly profileId: string; readonly keyId: string; readonly sessionId: string }
  type Call = readonly [method: string, path: string, body?: object]

  const share = toBase64url(new Uint8Array(128).fill(1))
  const calls: readonly (readonly [string, (ids: Ids) => Call])[] = [
    ['a profile', ({ profileId }) => ['GET', `/api/v1/profiles/${profileId}`]],
    [
      'a payment from it',
      ({ profileId }) => [
        'POST',
        `/api/v1/profiles/${profileId}/transactions`,
        { to: THIEF, value: '1', chainId: 31_337 },
      ],
    ],
    ['a prepared payment', ({ sessionId }) => ['GET', `/api/v1/transactions/${sessionId}`]],
    ['its signature', ({ sessionId }) => ['POST', '/api/v1/mpc/sign', { sessionId, p1SignatureShare: share }]],
    ['what a dialogue signed', ({ sessionId }) => ['POST', '/api/v1/mpc/sign', { sessionId }]],
    ['a signed text', ({ profileId }) => ['POST', '/api/v1/mpc/sign-message', { profileId, message: 'I am Alice.' }]],
    ['a presign ticket', ({ keyId }) => ['POST', '/api/v1/mpc/tickets', { operation: 'presign', keyId }]],
    [
      'a sign ticket',
      ({ keyId, sessionId }) => ['POST', '/api/v1/mpc/tickets', { operation: 'sign', keyId, sessionId }],
    ],
  ]

  test.each(calls)('who asks for %s of Alice’s is answered as if there were none', async (_what, callOf) => {
    const hers = { ...wallet, sessionId: prepared.sessionId }
    const id = toBase64url(new Uint8Array(randomBytes(16)))
    const nowhere = { profileId: `prf_${id}`, sessionId: `ses_${id}`, keyId: toHex(new Uint8Array(randomBytes(32))) }
    const answers = []
    for (const ids of [hers, nowhere]) {
      const { status, body } = await ask(stack, 'bob', ...callOf(ids))
      answers.push({ status, body: { ...body, requestId: '' } })
    }
    expect(answers[0]).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
    expect(answers[0]).toEqual(answers[1])
  })

  test('who signs in his own wallet gets no ticket for her payment', async () => {
    const bob = stack.device('bob')
    const { keyId } = await bob.createWallet('Mine')
    const body = { operation: 'sign', keyId, sessionId: prepared.sessionId }
    expect(await ask(stack, 'bob', 'POST', '/api/v1/mpc/tickets', body)).toMatchObject({ status: 404 })
  })

  test('who repeats her commit gets no profile', async () => {
    expect(await ask(stack, 'bob', 'POST', '/api/v2/profiles', commit)).toMatchObject({ status: 404 })
    expect((await ask(stack, 'bob', 'GET', '/api/v1/profiles')).body['profiles']).toHaveLength(1)
  })

  test('sees only his own in the list', async () => {
    expect((await ask(stack, 'carol', 'GET', '/api/v1/profiles')).body).toEqual({ profiles: [] })
  })
})

describe('a backend whose signing key is stolen', () => {
  const stranger = createDevice()

  async function knock(device: Device, grant: Partial<TicketGrant>, hello: Hello): Promise<unknown> {
    const key = await loadOrCreateSigningKey(join(stack.directory, 'functions.jwk'))
    const owner = { sub: `${stack.issuerUrl}|alice`, keyId: wallet.keyId, epoch: 0, cnf: device.cnf }
    const ticket = await issueTicket(key, { ...owner, op: hello.op, ...grant })
    const sigpairKey = fromHex(stack.pinned.publicKey)
    return converse({ url: stack.sigpairUrl, sigpairKey, device, ticket, hello })
  }

  const presign = (): Hello => ({
    ...{ op: 'presign', count: 1, inventory: [] },
    sigids: [toHex(new Uint8Array(randomBytes(32)))],
  })
  const closedWith = (code: ErrorCode) => ({ code: ERRORS[code].close, reason: code })

  test('has no device that could hold a dialogue about her key', async () => {
    await expect(knock(stranger, {}, presign())).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('cannot make another user the owner of her key', async () => {
    const { device } = await bareDevice(vault, wallet.keyId)
    const sub = `${stack.issuerUrl}|bob`
    await expect(knock(device, { sub }, presign())).rejects.toMatchObject(closedWith('NOT_FOUND'))
    await expect(knock(stranger, { sub }, presign())).rejects.toMatchObject(closedWith('NOT_FOUND'))
    await expect(knock(stranger, { sub }, { op: 'keygen' })).rejects.toMatchObject(closedWith('NOT_FOUND'))
  })

  test('cannot show her device a ticket for another payment than Sigpair prepared', async () => {
    const { device } = await bareDevice(vault, wallet.keyId)
    const hello = { op: 'sign' as const, sigid: toHex(fromHex(prepared.rhoS)), rhoD: prepared.rhoS }
    const session = { sessionId: prepared.sessionId, digest: prepared.rhoS, path: [] }
    await expect(knock(device, { session }, hello)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    const child = { ...session, digest: prepared.digest, path: [1] }
    await expect(knock(device, { session: child }, hello)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('has not cost her a presignature', async () => {
    const { body } = await ask(stack, 'alice', 'GET', `/api/v1/profiles/${wallet.profileId}`)
    expect(body).toMatchObject({ keyStatus: 'READY', presignatures: alice.presignaturesInStock(wallet) })
  })
})

describe('a backend that lies to the device', () => {
  let liar: LyingBackend
  /** sessions Sigpair was made to prepare */
  let sessions: string[]
  let deceived: TandemClient

  beforeAll(async () => (liar = await lyingBackend(stack.functionsUrl)))
  afterAll(async () => liar.close())
  beforeEach(() => {
    sessions = []
    deceived = stack.device('alice', { vault, baseUrl: liar.url })
  })
  afterEach(async () => {
    liar.lie = (body) => body
    await deceived.close()
    // Nothing was signed, and nobody was paid.
    for (const id of sessions) expect((await stack.stores.parties.get(sessionAt(id)))!.data.signature).toBeNull()
    expect(await stack.chain.balance(THIEF)).toBe(thiefOwns)
  })
  let thiefOwns: bigint
  beforeAll(async () => (thiefOwns = await stack.chain.balance(THIEF)))

  /** Lies about a prepared payment; what the device asks for after that is in `heard`. */
  function about(change: (answer: PrepareTransactionResponse) => object | Promise<object>): void {
    liar.lie = async (body, { path }) => {
      if (!path.endsWith('/transactions')) return body
      sessions.push(String(body['sessionId']))
      liar.heard.length = 0
      return { ...body, ...(await change(body as unknown as PrepareTransactionResponse)) }
    }
  }

  const givenUp = () => `DELETE /api/v1/transactions/${sessions.at(-1)}`

  /** The whole lie: another transaction, and the digest that belongs to it. */
  const otherTx = (change: Partial<UnsignedTx>) => {
    about(({ unsignedTx }) => {
      const tx = { ...unsignedTx, ...change }
      return { unsignedTx: tx, digest: toHex(transactionDigest(tx)) }
    })
  }

  test.each([
    ['the recipient', { to: THIEF }],
    ['the amount', { value: '2000' }],
    ['the chain', { chainId: 1 }],
    ['the call data', { data: '0xa9059cbb' }],
    ['the fee beyond maxFee', { maxFeePerGas: '10000000000000' }],
  ])('who changes %s of a payment hears that it is given up, and no more', async (what, change) => {
    otherTx(change)
    await expect(deceived.sendTransaction(wallet, payment())).rejects.toMatchObject({
      code: 'ANSWER_REFUSED',
      message: expect.stringContaining(what) as string,
    })
    expect(liar.heard).toEqual([givenUp()])
  })

  test.each([
    ['digest', () => ({ digest: prepared.digest })],
    ['path', () => ({ path: [7] })],
  ])('who changes the %s hears that it is given up, and no more', async (_what, change) => {
    about(change)
    await expect(deceived.sendTransaction(wallet, payment())).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
    expect(liar.heard).toEqual([givenUp()])
  })

  test('who gives the device another ρ_S gets no signature, neither from a presignature nor in a dialogue', async () => {
    about(() => ({ rhoS: toHex(new Uint8Array(32).fill(5)) }))
    await deceived.fillPresignatures(wallet, 1)
    await expect(deceived.sendTransaction(wallet, payment())).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
    expect(deceived.presignaturesInStock(wallet)).toBe(0)
    expect(liar.heard.filter((call) => call.startsWith('POST'))).toEqual([
      'POST /api/v1/mpc/sign',
      'POST /api/v1/mpc/tickets',
    ])
  })

  test('who gives the device the session of a payment to himself gets no signature', async () => {
    about(async () => {
      const path = `/api/v1/profiles/${wallet.profileId}/transactions`
      const request = { to: THIEF, value: '1000', chainId: stack.chainId }
      const { sessionId, rhoS } = (await ask(stack, 'alice', 'POST', path, request)).body
      sessions.push(String(sessionId))
      return { sessionId, rhoS }
    })
    const send = deceived.sendTransaction(wallet, { ...payment(), how: 'interactive' })
    await expect(send).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  })

  test('who changes the digest of a text hears no more of it', async () => {
    liar.lie = (body) => {
      liar.heard.length = 0
      return 'rhoS' in body ? { ...body, digest: prepared.digest } : body
    }
    await expect(deceived.signMessage(wallet, 'I am Alice.')).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
    expect(liar.heard).toEqual([])
  })

  test.each(['publicKey', 'identity'])('who names another Sigpair (%s) is not asked for a ticket', async (member) => {
    liar.lie = (body) => (member in body ? { ...body, [member]: toHex(new Uint8Array(32).fill(9)) } : body)
    liar.heard.length = 0
    await expect(deceived.createWallet('Trap')).rejects.toMatchObject({ code: 'PIN_MISMATCH' })
    expect(liar.heard).toEqual(['GET /api/v1/mpc/cloud-public-key'])
  })

  test('who sends the device to another Sigpair is noticed in the handshake', async () => {
    const impostor = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(impostor, 'listening')
    impostor.on('connection', (socket) => socket.on('message', () => socket.send(randomBytes(400))))
    const sigpairUrl = `ws://127.0.0.1:${(impostor.address() as AddressInfo).port}`
    liar.lie = (body) => ('ticket' in body ? { ...body, sigpairUrl } : body)
    await expect(deceived.createWallet('Trap')).rejects.toMatchObject({ code: 'PIN_MISMATCH' })
    impostor.close()
  })
})

test('after all of that her key is in force, and signs', async () => {
  expect((await readKey(stack.stores, wallet.keyId))!.status).toBe('READY')
  expect(verifyMessage('Still Alice.', await alice.signMessage(wallet, 'Still Alice.'))).toBe(wallet.address)
})
