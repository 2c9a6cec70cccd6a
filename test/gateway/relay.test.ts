import { setTimeout as delay } from 'node:timers/promises'
import { decodeMux, encodeMux, ERRORS, limits, type MuxMessage } from '@tandem/wire'
import * as fc from 'fast-check'
import { WebSocket } from 'ws'
import { type StubMember, startTestGateway, stubMember, type TestGateway } from './members.ts'

const COMMITTEE_SUBPROTOCOL = 'tandem.committee.v1'

let members: StubMember[]
let gateway: TestGateway

/** Long enough for what must not happen, short enough for what must. */
const LEG_MS = 500

beforeEach(async () => {
  members = await Promise.all([stubMember(), stubMember(), stubMember()])
  gateway = await startTestGateway(members, { deadlines: { legMs: LEG_MS }, bounds: { perAddress: 3 } })
})
afterEach(async () => {
  await gateway.close()
  await Promise.all(members.map((member) => member.close()))
})

/** A device's end of the socket: what came, in order. */
type Device = {
  readonly ws: WebSocket
  readonly say: (message: MuxMessage) => void
  readonly next: () => Promise<MuxMessage>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

async function dial(protocol = COMMITTEE_SUBPROTOCOL): Promise<Device> {
  const ws = new WebSocket(`${gateway.url}/v1/sign`, protocol)
  const came: MuxMessage[] = []
  const waiting: ((message: MuxMessage) => void)[] = []
  ws.on('message', (data: Buffer) => {
    const message = decodeMux(new Uint8Array(data))
    const reader = waiting.shift()
    if (reader) reader(message)
    else came.push(message)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  const next = async () => came.shift() ?? new Promise<MuxMessage>((resolve) => waiting.push(resolve))
  return { ws, say: (message) => ws.send(encodeMux(message)), next, closed }
}

type Data = Extract<MuxMessage, { type: 'data' }>

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const data = (index: number, text: string): MuxMessage => ({ type: 'data', index, payload: bytes(text) })
const ended = (index: number, code: keyof typeof ERRORS): MuxMessage => {
  return { type: 'close', index, code: ERRORS[code].close, reason: code }
}
const closeOf = async (ws: WebSocket) =>
  new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })

/** Answers every message with itself, said twice. */
const echo = (ws: WebSocket) => ws.on('message', (said: Buffer) => ws.send(Buffer.concat([said, said])))

test('carries the messages of each leg in order, and says first whom it reaches', async () => {
  for (const member of members) member.greet = echo
  const device = await dial()
  expect(await device.next()).toEqual({ type: 'nodes', nodes: [1, 2, 3] })
  for (const text of ['a', 'b', 'c']) device.say(data(3, text))
  expect([await device.next(), await device.next(), await device.next()]).toEqual([
    data(3, 'aa'),
    data(3, 'bb'),
    data(3, 'cc'),
  ])
  device.say(data(1, 'x'))
  expect(await device.next()).toEqual(data(1, 'xx'))
  expect(members.map(({ sockets }) => sockets.map(({ path }) => path))).toEqual([['/v1/sign'], [], ['/v1/sign']])
  expect(members[0]!.sockets[0]!.headers).toMatchObject({
    'sec-websocket-protocol': 'tandem.v1',
    'x-forwarded-for': '127.0.0.1',
  })
})

test('however messages of three legs cross each other, each leg has its own in order and whole', async () => {
  for (const member of members) member.greet = (ws) => ws.on('message', (said: Buffer) => ws.send(said))
  const sent = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 65_535 })), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(sent, async (messages) => {
      const device = await dial()
      await device.next()
      const said = messages.map(
        ([index, size], at): Data => ({ type: 'data', index, payload: new Uint8Array(size).fill(at) }),
      )
      const legs = [1, 2, 3].map(async (leg) => {
        // as the rounds have it: never more than four unanswered
        const own = said.filter(({ index }) => index === leg).slice(0, 4)
        for (const message of own) {
          device.say(message)
          await delay(0)
        }
        return own
      })
      const expected = await Promise.all(legs)
      const came: MuxMessage[] = []
      while (came.length < expected.flat().length) came.push(await device.next())
      const textOf = (message: MuxMessage) =>
        message.type === 'data' ? Buffer.from(message.payload).toString('base64') : ''
      for (const [at, own] of expected.entries()) {
        const heard = came.filter((one) => one.type === 'data' && one.index === at + 1)
        expect(heard.map(textOf)).toEqual(own.map(textOf))
      }
      device.ws.terminate()
      await device.closed
    }),
    { numRuns: 10 },
  )
})

test('a member’s end is passed on with its code and reason, and the others go on', async () => {
  members[0]!.greet = (ws) => ws.on('message', () => ws.close(ERRORS.TICKET_INVALID.close, 'TICKET_INVALID'))
  members[1]!.greet = echo
  const device = await dial()
  await device.next()
  device.say(data(1, 'ticket'))
  expect(await device.next()).toEqual(ended(1, 'TICKET_INVALID'))
  // said before it was heard: dropped, and no new leg
  device.say(data(1, 'more'))
  device.say(data(2, 'x'))
  expect(await device.next()).toEqual(data(2, 'xx'))
  expect(members[0]!.sockets).toHaveLength(1)
})

test('a member that is not there, hangs, refuses or dies ends its own leg only', async () => {
  await members[0]!.close()
  members[1]!.refuse = () => ({ status: 429, body: { error: 'RATE_LIMITED' } })
  const device = await dial()
  expect(await device.next()).toEqual({ type: 'nodes', nodes: [2, 3] })
  device.say(data(1, 'x'))
  expect(await device.next()).toEqual(ended(1, 'UNAVAILABLE'))
  device.say(data(2, 'x'))
  expect(await device.next()).toEqual(ended(2, 'RATE_LIMITED'))
  members[2]!.greet = (ws) => ws.on('message', () => ws.terminate())
  device.say(data(3, 'x'))
  expect(await device.next()).toEqual(ended(3, 'UNAVAILABLE'))

  members[2]!.refuse = () => undefined
  const other = await dial()
  await other.next()
  other.say(data(3, 'x'))
  expect(await other.next()).toEqual(ended(3, 'UNAVAILABLE'))
})

test('a leg that the device ends is ended at its member, and when the device goes all are', async () => {
  const device = await dial()
  await device.next()
  device.say(data(1, 'x'))
  device.say(data(2, 'x'))
  while (members.slice(0, 2).some(({ sockets }) => sockets.length === 0)) await delay(5)
  const [one, two] = [closeOf(members[0]!.sockets[0]!.ws), closeOf(members[1]!.sockets[0]!.ws)]
  device.say({ type: 'close', index: 1, code: 4_022, reason: 'PROTOCOL_ABORTED' })
  expect(await one).toEqual({ code: 4_022, reason: 'PROTOCOL_ABORTED' })
  device.ws.terminate()
  expect(await two).toMatchObject({ code: 1_001 })
})

test('what a slow device does not read stays with the member, and comes when it reads', async () => {
  const many = 600
  const big = Buffer.alloc(60_000, 7)
  let taken = 0
  members[0]!.greet = (ws) => {
    ws.on('message', () => {
      for (let i = 0; i < many; i++) ws.send(big, () => (taken += 1))
    })
  }
  members[1]!.greet = echo
  const device = await dial()
  await device.next()
  device.ws.pause()
  device.say(data(1, 'flood'))
  for (let before = -1; before !== taken; ) {
    before = taken
    await delay(300)
  }
  expect(taken).toBeLessThan(many)
  device.ws.resume()
  for (let i = 0; i < many; i++) expect((await device.next()).type).toBe('data')
  device.say(data(2, 'x'))
  expect(await device.next()).toEqual(data(2, 'xx'))
})

test('a device that talks to a member that does not read loses that leg, and no other', async () => {
  members[0]!.greet = (ws) => ws.pause()
  members[1]!.greet = echo
  const device = await dial()
  await device.next()
  const message: MuxMessage = { type: 'data', index: 1, payload: new Uint8Array(limits.MAX_SOCKET_PAYLOAD) }
  const end = device.next()
  const flood = setInterval(() => {
    for (let i = 0; i < 8; i++) device.say(message)
  }, 1)
  expect(await end).toEqual(ended(1, 'FRAME_INVALID'))
  clearInterval(flood)
  device.say(data(2, 'x'))
  expect(await device.next()).toEqual(data(2, 'xx'))
})

test.each([
  ['a member that there is not', Uint8Array.of(4, 0, 1)],
  ['the gateway’s own index', Uint8Array.of(0, 0, 1)],
  ['an unknown type', Uint8Array.of(1, 2, 1)],
  ['nothing inside', Uint8Array.of(1, 0)],
  ['text', '{"hello":"world"}'],
])('a message of %s ends the socket', async (_what, message) => {
  const device = await dial()
  device.ws.send(message)
  expect(await device.closed).toEqual({ code: ERRORS.FRAME_INVALID.close, reason: 'FRAME_INVALID' })
})

test('a socket without a dialogue is ended, before the first and after the last', async () => {
  members[0]!.greet = (ws) => ws.on('message', () => ws.close(1_000, 'done'))
  const [silent, done] = [await dial(), await dial()]
  done.say(data(1, 'x'))
  expect(await silent.closed).toEqual({ code: ERRORS.MPC_SIGNING_FAILED.close, reason: 'Round 0 timeout' })
  expect((await done.closed).code).toBe(1_000)
})

test('sockets are counted by address, and only the committee’s language is spoken', async () => {
  await expect(dial('tandem.v1')).rejects.toThrow('400')
  const devices = [await dial(), await dial(), await dial()]
  await expect(dial()).rejects.toThrow('429')
  for (const { ws } of devices) ws.terminate()
})

test('it is ready while enough members are', async () => {
  const ready = async () => (await fetch(`${gateway.internalUrl}/health/ready`)).status
  expect(await ready()).toBe(200)
  await members[0]!.close()
  await members[1]!.close()
  while ((await ready()) === 200) await delay(100)
})
