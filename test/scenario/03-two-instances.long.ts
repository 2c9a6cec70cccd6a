import { memoryVault, type TandemClient, type Wallet } from '@tandem/client'
import { ERRORS, type PrepareTransactionResponse, type SignResponse, type TicketResponse, toHex } from '@tandem/wire'
import { Wallet as EthersWallet, parseEther } from 'ethers'
import { bareDevice, dialPresign, presignAll, shareFor } from '../helpers/bare-device.ts'
import type { Closed } from '../helpers/device.ts'
import { flip, OFFER } from '../helpers/signing-fields.ts'
import { ask, platformWith, type Rail, startSecondRail, startTestStack, type TestStack } from '../helpers/stack.ts'

const vault = memoryVault()
let stack: TestStack
let second: Rail
let alice: TandemClient
let wallet: Wallet

beforeAll(async () => {
  stack = await startTestStack()
  second = await startSecondRail(stack)
  alice = deviceWith((path) => (path.endsWith('/tickets') ? stack : second))
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('10'))
})
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

/** A device whose requests go where `railOf` says; a dialogue is held with the Sigpair of the rail its ticket came from. */
function deviceWith(railOf: (path: string) => Pick<Rail, 'functionsUrl'>, own = vault): TandemClient {
  const platform = platformWith(async (url, request, pass) => {
    const path = url.slice(stack.functionsUrl.length)
    return pass(`${railOf(path).functionsUrl}${path}`, request)
  })
  return stack.device('alice', { vault: own, platform })
}

const payment = () => ({ to: EthersWallet.createRandom().address, value: 1_000n, chainId: stack.chainId })

const on = (rail: Pick<Rail, 'functionsUrl'>) => ({ ...stack, functionsUrl: rail.functionsUrl })

async function ticketFrom(rail: Pick<Rail, 'functionsUrl'>, { keyId }: Wallet): Promise<TicketResponse> {
  const { body } = await ask(on(rail), 'alice', 'POST', '/api/v1/mpc/tickets', { operation: 'presign', keyId })
  return body as TicketResponse
}

async function prepare(rail: Pick<Rail, 'functionsUrl'>, request = payment()): Promise<PrepareTransactionResponse> {
  const path = `/api/v1/profiles/${wallet.profileId}/transactions`
  const { body } = await ask(on(rail), 'alice', 'POST', path, { ...request, value: String(request.value) })
  return body as PrepareTransactionResponse
}

const sign = async (rail: Pick<Rail, 'functionsUrl'>, sessionId: string, p1SignatureShare?: string) =>
  ask(on(rail), 'alice', 'POST', '/api/v1/mpc/sign', { sessionId, ...(p1SignatureShare ? { p1SignatureShare } : {}) })

const statusOf = async (rail: Pick<Rail, 'functionsUrl'>, { profileId }: Wallet) =>
  (await ask(on(rail), 'alice', 'GET', `/api/v1/profiles/${profileId}`)).body['keyStatus']

/** One presignature, as bytes. */
async function presignatureFrom(rail: Pick<Rail, 'functionsUrl'>): Promise<Uint8Array> {
  const device = await bareDevice(vault, wallet.keyId)
  const [made] = await presignAll(device, await dialPresign(device, await ticketFrom(rail, wallet), 1))
  return made!
}

test('both have one identity', async () => {
  const { body } = await ask(on(second), 'alice', 'GET', '/api/v1/mpc/cloud-public-key')
  const { committee, ...pair } = stack.pinned
  expect([body, committee]).toMatchObject([pair, undefined])
})

test('a key generated on one was committed through the other, and is READY on both', async () => {
  expect(await statusOf(stack, wallet)).toBe('READY')
  expect(await statusOf(second, wallet)).toBe('READY')
})

test('a presignature made on one signs through the other', async () => {
  await alice.fillPresignatures(wallet, 1)
  const sent = await alice.sendTransaction(wallet, { ...payment(), how: 'presignature' })
  expect(await sent.wait()).toMatchObject({ status: 'mined' })
  expect(alice.presignaturesInStock(wallet)).toBe(0)
})

test('a signature made in a dialogue with one is sent through the other', async () => {
  const sent = await alice.sendTransaction(wallet, { ...payment(), how: 'interactive' })
  expect(await sent.wait()).toMatchObject({ status: 'mined' })
})

test('six payments, every request on the other rail than the one before, are all mined', async () => {
  let requests = 0
  const torn = deviceWith(() => (requests++ % 2 === 0 ? stack : second))
  await torn.fillPresignatures(wallet, 6)
  const sent = await Promise.all(Array.from({ length: 6 }, async () => torn.sendTransaction(wallet, payment())))
  for (const { wait } of sent) expect(await wait()).toMatchObject({ status: 'mined' })
})

test('one presignature for two payments, through both at once, makes exactly one signature', async () => {
  const device = await bareDevice(vault, wallet.keyId)
  for (let round = 0; round < 4; round++) {
    const presignature = await presignatureFrom(round % 2 === 0 ? stack : second)
    const sessions = [await prepare(stack), await prepare(second)] as const
    const answers = await Promise.all([
      sign(stack, sessions[0].sessionId, shareFor(device, presignature, sessions[0])),
      sign(second, sessions[1].sessionId, shareFor(device, presignature, sessions[1])),
    ])
    const lost = answers.findIndex(({ status }) => status !== 200)
    expect(answers[1 - lost]!.status).toBe(200)
    expect(answers[lost]).toMatchObject({ status: 409, body: { error: 'PRESIGNATURE_CONSUMED' } })

    // The session is not spent with it, and the payment keeps its nonce.
    const { sessionId } = sessions[lost]!
    const share = shareFor(device, await presignatureFrom(second), sessions[lost]!)
    expect(await sign(second, sessionId, share)).toMatchObject({ status: 200 })
  }
})

test('one share for one payment, through both at once, pays once', async () => {
  const device = await bareDevice(vault, wallet.keyId)
  const request = payment()
  const presignature = await presignatureFrom(stack)
  const session = await prepare(second, request)
  const share = shareFor(device, presignature, session)
  const rails = [stack, second, stack, second]
  const answers = await Promise.all(rails.map(async (rail) => sign(rail, session.sessionId, share)))
  for (const { status, body } of answers) {
    if (status !== 200) expect(body).toMatchObject({ error: 'REQUEST_IN_PROGRESS' })
  }

  const repeated = await Promise.all([stack, second].map(async (rail) => sign(rail, session.sessionId, share)))
  const hashes = [...answers.filter(({ status }) => status === 200), ...repeated].map(
    ({ body }) => (body as SignResponse).txHash,
  )
  expect(new Set(hashes).size).toBe(1)
  expect(hashes[0]).toMatch(/^0x/)
  expect(await stack.chain.balance(request.to)).toBe(request.value)
})

describe('a ticket that one has spent', () => {
  const refused = { code: ERRORS.TICKET_INVALID.close, reason: 'TICKET_INVALID' }

  test('is refused by the other', async () => {
    const device = await bareDevice(vault, wallet.keyId)
    const ticket = await ticketFrom(stack, wallet)
    const { talk } = await dialPresign(device, ticket, 1)
    await expect(dialPresign(device, { ...ticket, sigpairUrl: second.sigpairUrl }, 1)).rejects.toMatchObject(refused)
    talk.leave()
  })

  test('is spent once when it is shown to both at the same moment', async () => {
    const device = await bareDevice(vault, wallet.keyId)
    const ticket = await ticketFrom(second, wallet)
    const shown = [stack, second, stack, second].map(async ({ sigpairUrl }) =>
      dialPresign(device, { ...ticket, sigpairUrl }, 1),
    )
    const outcomes = await Promise.allSettled(shown)
    const [taken, ...others] = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(others).toEqual([])
    for (const each of outcomes) if (each.status === 'rejected') expect(each.reason).toMatchObject(refused)
    taken!.talk.leave()
  })
})

describe('a cheat that one has caught', () => {
  const own = memoryVault()
  let prey: Wallet
  let cheated: Closed
  let running: Closed

  beforeAll(async () => {
    prey = await deviceWith(() => stack, own).createWallet('Prey')
    const device = await bareDevice(own, prey.keyId)
    const honest = await dialPresign(device, await ticketFrom(second, prey), 1)
    const tamper = ({ round, body }: { round: number; body: Uint8Array }) =>
      round === 1 ? flip(body, OFFER.h, 0) : body
    const lying = await dialPresign(device, await ticketFrom(stack, prey), 1, { tamper })
    void presignAll(device, lying).catch(() => {})
    cheated = await lying.talk.closed
    void presignAll(device, honest).catch(() => {})
    running = await honest.talk.closed
  })

  test('freezes the key on both', async () => {
    expect(cheated).toMatchObject({ code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' })
    expect(await statusOf(stack, prey)).toBe('FROZEN')
    expect(await statusOf(second, prey)).toBe('FROZEN')
  })

  test('ends the dialogue that was running with the other', () => {
    expect(running).toMatchObject({ code: ERRORS.KEY_FROZEN.close, reason: 'KEY_FROZEN' })
  })

  test('leaves nothing to be begun on either: no ticket, no payment', async () => {
    for (const rail of [stack, second]) {
      const frozen = { status: 423, body: { error: 'KEY_FROZEN', details: 'FROZEN' } }
      const { keyId, profileId } = prey
      const request = { to: toHex(new Uint8Array(20).fill(1)), value: '1', chainId: stack.chainId }
      expect(
        await ask(on(rail), 'alice', 'POST', '/api/v1/mpc/tickets', { operation: 'presign', keyId }),
      ).toMatchObject(frozen)
      expect(await ask(on(rail), 'alice', 'POST', `/api/v1/profiles/${profileId}/transactions`, request)).toMatchObject(
        frozen,
      )
    }
  })
})
