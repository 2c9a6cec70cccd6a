import { createSigningKey, issueTicket, type TicketGrant } from '@tandem/service'
import { beginKeygen, prepareSession, readKey } from '@tandem/sigpair'
import { ERRORS, type ErrorCode, type Hello, limits, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import { createDevice, type DialogueRequest } from '../helpers/device.ts'
import { dial, OWNER, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import { dealWallet, newKeyId, payment, type Wallet } from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet
let ours: TicketGrant

const device = createDevice(rng)
const other = createDevice(rng)
const KEYGEN = { op: 'keygen' as const }
const presignHello = (changes: object = {}): Hello => ({
  ...{ op: 'presign', count: 1, sigids: [toHex(rng(32))], inventory: [] },
  ...changes,
})

beforeAll(async () => {
  sigpair = await startTestSigpair()
  wallet = await dealWallet(sigpair)
})
afterAll(async () => sigpair.close())
beforeEach(() => {
  ours = { sub: OWNER, op: 'keygen', keyId: newKeyId(), epoch: 0, cnf: device.cnf }
})

const knock = (ticket: string, request: Partial<DialogueRequest> = {}) =>
  dial(sigpair, { device, keyId: ours.keyId }, KEYGEN, { request: { ticket, ...request } })

const closedWith = (code: ErrorCode) => ({ name: 'Closed', code: ERRORS[code].close, reason: code })

/** Nothing was begun for this key. */
const untouched = async (keyId = ours.keyId) => expect(await readKey(sigpair.stores, keyId)).toBeUndefined()

describe('a ticket buys nothing', () => {
  test('twice', async () => {
    const ticket = await sigpair.ticket(ours)
    const talk = await knock(ticket)
    await expect(knock(ticket)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    talk.leave()
  })

  test('twice at the same moment', async () => {
    const ticket = await sigpair.ticket(ours)
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => knock(ticket)))
    const taken = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    expect(taken).toHaveLength(1)
    taken[0]!.leave()
  })

  test.each([
    ['after its time', -(limits.TICKET_SECONDS + 10) * 1000],
    ['before its time', 60_000],
  ])('%s', async (_when, offset) => {
    await expect(knock(await sigpair.ticket(ours, Date.now() + offset))).rejects.toMatchObject(
      closedWith('TICKET_INVALID'),
    )
    await untouched()
  })

  test('from another issuer', async () => {
    const ticket = await issueTicket(await createSigningKey(), ours)
    await expect(knock(ticket)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test('with changed claims', async () => {
    const [head = '', , signature = ''] = (await sigpair.ticket(ours)).split('.')
    const [, claims = ''] = (await sigpair.ticket({ ...ours, sub: 'https://issuer.test|mallory' })).split('.')
    await expect(knock(`${head}.${claims}.${signature}`)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test('without a signature', async () => {
    const [, claims = ''] = (await sigpair.ticket(ours)).split('.')
    const none = Buffer.from('{"alg":"none","typ":"tandem-ticket+jwt"}').toString('base64url')
    await expect(knock(`${none}.${claims}.AA`)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test.each([
    ['another identity', { identity: other.cnf.identity }],
    ['another exchange key', { exchange: other.cnf.exchange }],
  ])('for %s', async (_what, cnf) => {
    const ticket = await sigpair.ticket({ ...ours, cnf: { ...device.cnf, ...cnf } })
    await expect(knock(ticket)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test('for another operation', async () => {
    const ticket = await sigpair.ticket({ ...ours, op: 'presign' })
    await expect(knock(ticket)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test('on another path', async () => {
    const ticket = await sigpair.ticket(ours)
    await expect(knock(ticket, { path: '/v1/presign' })).rejects.toMatchObject(closedWith('UNAUTHENTICATED'))
    await untouched()
  })

  test('for a new key of a later epoch', async () => {
    const ticket = await sigpair.ticket({ ...ours, epoch: 1 })
    await expect(knock(ticket)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
    await untouched()
  })

  test('for a key that was begun before', async () => {
    await beginKeygen(sigpair.stores, rng, { keyId: ours.keyId, owner: OWNER, device: device.cnf })
    await expect(knock(await sigpair.ticket(ours))).rejects.toMatchObject(closedWith('KEY_BUSY'))
  })
})

describe('a ticket for a key buys nothing', () => {
  const presign = (grant: Partial<TicketGrant> = {}, hello = presignHello()) => dial(sigpair, wallet, hello, { grant })

  test('for a key that is not there', async () => {
    await expect(presign({ keyId: newKeyId() })).rejects.toMatchObject(closedWith('NOT_FOUND'))
  })

  test('for the key of another user', async () => {
    const sub = 'https://issuer.test|mallory'
    await expect(presign({ sub })).rejects.toMatchObject(closedWith('NOT_FOUND'))
  })

  test('for another epoch', async () => {
    await expect(presign({ epoch: 1 })).rejects.toMatchObject(closedWith('EPOCH_MISMATCH'))
  })

  test('for a device that is not enrolled, though the backend says it is', async () => {
    const stranger = dial(sigpair, { device: other, keyId: wallet.keyId }, presignHello())
    await expect(stranger).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('for a key that nobody has committed', async () => {
    const keyId = newKeyId()
    await beginKeygen(sigpair.stores, rng, { keyId, owner: OWNER, device: wallet.device.cnf })
    await expect(presign({ keyId })).rejects.toMatchObject(closedWith('KEY_PENDING'))
  })

  test.each([
    ['fewer runs than it asks for', presignHello({ count: 2 })],
    ['the same run twice', presignHello({ count: 2, sigids: Array(2).fill(toHex(new Uint8Array(32).fill(1))) })],
    ['a run without a name', presignHello({ sigids: [`0x${'00'.repeat(32)}`] })],
    ['more runs than a dialogue makes', presignHello({ count: 33, sigids: Array(33).fill(toHex(rng(32))) })],
    ['a field that is not documented', presignHello({ admin: true })],
    ['another operation', KEYGEN],
  ])('with a hello that names %s', async (_what, hello) => {
    const dialled = dial(sigpair, wallet, hello, { grant: { op: 'presign' }, request: { operation: 'presign' } })
    await expect(dialled).rejects.toMatchObject(closedWith('VALIDATION_FAILED'))
  })
})

describe('a ticket to sign buys nothing', () => {
  const hello: Hello = { op: 'sign', sigid: toHex(rng(32)), rhoD: toHex(rng(32)) }
  let session: NonNullable<TicketGrant['session']>

  beforeEach(async () => {
    const asked = payment(wallet)
    const { digest } = await prepareSession(sigpair.stores, { backend: fast, rng }, OWNER, asked)
    session = { sessionId: asked.sessionId, digest: toHex(digest), path: asked.path }
  })
  const sign = (changed: Partial<typeof session> | undefined) =>
    dial(sigpair, wallet, hello, { grant: changed ? { session: { ...session, ...changed } } : {} })

  test('without a session', async () => {
    await expect(sign(undefined)).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('for a session that is not there', async () => {
    const sessionId = `ses_${Buffer.from(rng(16)).toString('base64url')}`
    await expect(sign({ sessionId })).rejects.toMatchObject(closedWith('NOT_FOUND'))
  })

  test('for another digest than the prepared one', async () => {
    await expect(sign({ digest: toHex(rng(32)) })).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('for another path than the prepared one', async () => {
    await expect(sign({ path: [1, 2] })).rejects.toMatchObject(closedWith('TICKET_INVALID'))
  })

  test('for the session of another key', async () => {
    const another = await dealWallet(sigpair, wallet.device)
    const dialled = dial(sigpair, another, hello, { grant: { session } })
    await expect(dialled).rejects.toMatchObject(closedWith('NOT_FOUND'))
  })
})
