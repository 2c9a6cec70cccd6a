import { type Message, partyIndex, sessionId } from '@tandem/rounds'
import { encodeFrame, fromHex, toHex } from '@tandem/wire'
import { openRounds, type Rounds } from '../../sigpair/src/member/rounds.ts'
import { type MemoryNetworks, memoryNetworks } from '../helpers/memory-network.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('rounds of members')
const names = [1, 2, 3].map(() => toHex(rng(32)))
const [one, two, three, device] = [1, 2, 3, 4].map(partyIndex) as [never, never, never, never]

let net: MemoryNetworks
let clock: number
let rounds: Rounds

beforeEach(() => {
  clock = 1_000_000
  net = memoryNetworks(names)
  rounds = openRounds({ network: net.node(names[0]!), self: one, names, now: () => clock })
})
afterEach(async () => net.close())

const message = (change: Partial<Message> = {}): Message => {
  const header = { protocol: 'presign' as const, round: 1, epoch: 0, sid: sessionId(new Uint8Array(32).fill(7)) }
  return { ...header, from: two, to: one, body: Uint8Array.of(1, 2, 3), ...change }
}
const bytes = (session: string, sent: Message, kind = 2) =>
  Uint8Array.of(kind, ...fromHex(session), ...encodeFrame({ ...sent, protocol: 'presign' }))
/** By member 2, unless said otherwise. */
const arrive = async (payload: Uint8Array, from = 2) => {
  await net.node(names[from - 1]!).send(names[0]!, payload)
  await net.quiet()
}
const listen = (session: string, peers = [two, three]) => {
  const heard: [number, Message][] = []
  const talk = rounds.open(session, peers)
  talk.hear((by, said) => heard.push([by, said]))
  return { heard, talk }
}

test('carries a round to the member it names, in order, and hears the others', async () => {
  const session = toHex(rng(32))
  const { heard, talk } = listen(session)
  await arrive(bytes(session, message()))
  await arrive(bytes(session, message({ from: three, round: 2 })), 3)
  expect(heard).toEqual([
    [2, message()],
    [3, message({ from: three, round: 2 })],
  ])
  const sent: [string | undefined, Uint8Array][] = []
  net.onSent((_, to, payload) => sent.push([to, payload]))
  const ours = [1, 2, 3].map((round) => message({ from: one, to: two, round }))
  await Promise.all(ours.map(talk.send))
  expect(sent).toEqual(ours.map((said) => [names[1], bytes(session, said)]))
})

test('K16 takes a frame only from the member whose index it names', async () => {
  const session = toHex(rng(32))
  const { heard } = listen(session)
  await arrive(bytes(session, message({ from: three })))
  await arrive(bytes(session, message({ from: device })))
  await arrive(bytes(session, message({ to: three })))
  await arrive(bytes(session, message(), 1))
  await arrive(Uint8Array.of(2, 1, 2, 3))
  await arrive(new Uint8Array())
  expect(heard).toEqual([])
  await arrive(bytes(session, message()))
  expect(heard).toHaveLength(1)
})

test('hears nobody who takes no part, and nothing of what is over', async () => {
  const session = toHex(rng(32))
  const { heard, talk } = listen(session, [two])
  await arrive(bytes(session, message({ from: three })), 3)
  talk.end()
  await arrive(bytes(session, message()))
  expect(heard).toEqual([])
  expect(() => rounds.open(session, [two])).toThrow(expect.objectContaining({ details: 'hello.committee.session' }))
})

test('keeps what comes before the session is opened here, also while it is being opened', async () => {
  const session = toHex(rng(32))
  await arrive(bytes(session, message({ round: 1 })))
  const talk = rounds.open(session, [two])
  await arrive(bytes(session, message({ round: 2 })))
  const heard: number[] = []
  talk.hear((_, { round }) => heard.push(round))
  await arrive(bytes(session, message({ round: 3 })))
  expect(heard).toEqual([1, 2, 3])
})

test('keeps no more than sixteen frames of a session, sixty-four sessions of a peer, for half a minute', async () => {
  const sessions = Array.from({ length: 65 }, () => toHex(rng(32)))
  for (const session of sessions) await arrive(bytes(session, message()))
  for (let round = 2; round <= 20; round++) await arrive(bytes(sessions[0]!, message({ round })))
  await arrive(bytes(sessions[64]!, message({ from: three })), 3)
  expect(listen(sessions[0]!).heard.map(([, { round }]) => round)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
  expect(listen(sessions[64]!).heard.map(([by]) => by)).toEqual([3])

  expect(listen(sessions[1]!).heard).toHaveLength(1)
  clock += 30_000
  expect(listen(sessions[2]!).heard).toEqual([])
})
