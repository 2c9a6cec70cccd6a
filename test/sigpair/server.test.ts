import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ERRORS, limits, type Problem } from '@tandem/wire'
import { WebSocket } from 'ws'
import { createDevice, openSocket } from '../helpers/device.ts'
import { dial, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import { generateWallet, newKeyId } from '../helpers/wallet.ts'

let sigpair: TestSigpair

beforeAll(async () => {
  sigpair = await startTestSigpair({
    origins: ['https://wallet.example'],
    bounds: { sockets: 4, perAddress: 3 },
    deadlines: { handshakeMs: 300 },
  })
})
afterAll(async () => sigpair.close())

type Knock = { readonly path?: string; readonly headers?: Record<string, string> }

/** The HTTP answer to an upgrade; 101 if it is taken (and left at once). */
async function knock({
  path = '/v1/keygen',
  headers = {},
}: Knock = {}): Promise<{ status: number; problem?: Problem }> {
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.from(rng(16)).toString('base64'),
    'Sec-WebSocket-Protocol': 'tandem.v1',
    ...headers,
  }
  return new Promise((resolve, reject) => {
    const asked = request(`${sigpair.url.replace('ws:', 'http:')}${path}`, { headers: upgrade })
    asked.on('upgrade', (_answer, socket) => {
      socket.destroy()
      resolve({ status: 101 })
    })
    asked.on('response', (answer) => {
      const read = async () => JSON.parse((await answer.toArray()).join('')) as Problem
      read().then((problem) => resolve({ status: answer.statusCode ?? 0, problem }), reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}

const health = async (name: string) => (await fetch(`${sigpair.url.replace('ws:', 'http:')}/health/${name}`)).status

/** Until a socket that was left no longer counts. */
async function nobodyHere(): Promise<void> {
  while ((await knock()).status !== 101) await delay(10)
}

describe('an upgrade', () => {
  afterEach(nobodyHere)

  test('is taken on the path of an operation, from an app or a listed page', async () => {
    expect(await knock()).toEqual({ status: 101 })
    expect(await knock({ path: '/v1/sign', headers: { Origin: 'https://wallet.example' } })).toEqual({ status: 101 })
  })

  test.each([
    ['an unknown path', { path: '/v1/reshare' }, 'NOT_FOUND'],
    ['a path below an operation', { path: '/v1/keygen/x' }, 'NOT_FOUND'],
    ['another Host', { headers: { Host: 'rebound.example:8080' } }, 'FORBIDDEN'],
    ['an Origin that is not listed', { headers: { Origin: 'https://evil.example' } }, 'FORBIDDEN'],
    ['another subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'chat' } }, 'VALIDATION_FAILED'],
  ] as const)('is refused for %s', async (_what, wrong, code) => {
    const { status, problem } = await knock(wrong)
    expect(status).toBe(ERRORS[code].status)
    expect(problem).toMatchObject({ error: code, statusCode: status })
    expect(Object.keys(problem!).toSorted()).toEqual(['error', 'message', 'requestId', 'statusCode'])
  })

  test('is refused when one address has too many sockets, and taken again when one is gone', async () => {
    const open = Array.from({ length: 3 }, () => openSocket(`${sigpair.url}/v1/keygen`))
    await Promise.all(open.map(({ opened }) => opened))
    expect((await knock()).problem).toMatchObject({ error: 'RATE_LIMITED' })
    for (const socket of open) socket.leave()
  })
})

test('a device of another version hears at once which ones are served', async () => {
  const socket = openSocket(`${sigpair.url}/v1/keygen`, 'tandem.v2')
  await socket.opened
  expect(await socket.closed).toMatchObject({ code: ERRORS.VERSION_UNSUPPORTED.close, reason: 'served: 1' })
})

describe('a socket that is not a device ends alone', () => {
  const device = createDevice(rng)
  const refused = async (act: (socket: ReturnType<typeof openSocket>) => void) => {
    const socket = openSocket(`${sigpair.url}/v1/keygen`)
    await socket.opened
    act(socket)
    const { code, reason } = await socket.closed
    await nobodyHere()
    return { code, reason }
  }

  test('without a first message in time', async () => {
    expect(await refused(() => {})).toEqual({ code: ERRORS.MPC_SIGNING_FAILED.close, reason: 'Round 0 timeout' })
  })

  test('with a first message of noise', async () => {
    const { close } = ERRORS.UNAUTHENTICATED
    expect(await refused(({ send }) => send(rng(500)))).toEqual({ code: close, reason: 'UNAUTHENTICATED' })
  })

  test('with a first message that is too short', async () => {
    const { close } = ERRORS.FRAME_INVALID
    expect(await refused(({ send }) => send(rng(10)))).toEqual({ code: close, reason: 'FRAME_INVALID' })
  })

  test('with a first message that is too long', async () => {
    const { close } = ERRORS.FRAME_TOO_LARGE
    expect(await refused(({ send }) => send(rng(20_000)))).toEqual({ code: close, reason: 'FRAME_TOO_LARGE' })
  })

  test('with a message that no frame can be: the socket layer refuses before it buffers', async () => {
    expect(await refused(({ send }) => send(rng(limits.MAX_SOCKET_PAYLOAD + 1)))).toMatchObject({ code: 1009 })
  })

  test('with text', async () => {
    const ws = new WebSocket(`${sigpair.url}/v1/keygen`, 'tandem.v1')
    ws.on('open', () => ws.send('{"hello":"world"}'))
    const code = await new Promise((resolve) => ws.on('close', resolve))
    expect(code).toBe(ERRORS.FRAME_INVALID.close)
    await nobodyHere()
  })

  test('with a first message for another Sigpair', async () => {
    const other = createDevice(rng)
    const dialled = dial(
      sigpair,
      { device, keyId: newKeyId() },
      { op: 'keygen' },
      {
        request: { sigpairKey: other.exchange.publicKey },
      },
    )
    await expect(dialled).rejects.toMatchObject({ code: ERRORS.UNAUTHENTICATED.close })
    await nobodyHere()
  })

  test('with a certificate of another identity', async () => {
    const { certificate } = createDevice(rng)
    const forged = { ...device, certificate }
    const dialled = dial(sigpair, { device, keyId: newKeyId() }, { op: 'keygen' }, { request: { device: forged } })
    await expect(dialled).rejects.toMatchObject({ code: ERRORS.UNAUTHENTICATED.close })
    await nobodyHere()
  })

  afterAll(async () => {
    expect((await generateWallet(sigpair)).keyId).toHaveLength(66)
  })
})

test('health is answered to whoever asks, and nothing else is', async () => {
  expect(await health('live')).toBe(200)
  expect(await health('ready')).toBe(200)
  expect(await health('other')).toBe(404)
  const internal = await fetch(`${sigpair.internalUrl}/internal/identity`)
  expect(internal.status).toBe(ERRORS.UNAUTHENTICATED.status)
})

test('a peer that answers no ping is cut', async () => {
  const impatient = await startTestSigpair({ bounds: { pingMs: 30 }, deadlines: { handshakeMs: 20_000 } })
  const ws = new WebSocket(`${impatient.url}/v1/keygen`, 'tandem.v1', { autoPong: false })
  const code = await new Promise((resolve) => ws.on('close', resolve))
  expect(code).toBe(1006)
  await impatient.close()
})
