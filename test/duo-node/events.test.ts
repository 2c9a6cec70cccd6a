import { createLog } from '@tandem/service'
import type { KeyEvent } from '@tandem/wire'
import { pump } from '../../duo-node/src/pump.ts'
import { dialed, heard, tokenFor } from './backend-calls.ts'
import { type EventWorld, keyIdOf, openEventWorld, until } from './event-world.ts'

let world: EventWorld

beforeEach(async () => (world = await openEventWorld()))
afterEach(async () => world.close())

const LIFE = ['key.pending', 'key.ready', 'key.rotated', 'key.exported', 'key.frozen'] as const

/** The lives of so many keys, interleaved. */
async function lives(keys: number): Promise<readonly KeyEvent[]> {
  const events: KeyEvent[] = []
  for (const type of LIFE) for (let n = 1; n <= keys; n++) events.push(await world.tell(keyIdOf(n), type))
  return events
}

const drained = async () => until(async () => (await world.pending()).length === 0)

const takenInOrder = (events: readonly KeyEvent[], keyId: string) => {
  const mine = new Map(events.filter(({ data }) => data.keyId === keyId).map(({ id, data }) => [id, data.seq]))
  return world.backend.arrivals
    .filter(({ id, status }) => status === 204 && mine.has(id))
    .map(({ id }) => mine.get(id)!)
}

const sorted = (seqs: readonly number[]) => [...seqs].sort((a, b) => a - b)

test('delivers every event once, each key’s in order, and empties the outbox', async () => {
  const events = await lives(4)
  await world.start()
  await drained()
  expect(world.backend.arrivals).toHaveLength(events.length)
  for (let n = 1; n <= 4; n++) {
    const seqs = takenInOrder(events, keyIdOf(n))
    expect(seqs).toEqual(sorted(seqs))
    expect(await world.states.find(events[0]!.data.owner, keyIdOf(n))).toMatchObject({
      status: 'FROZEN',
      seq: seqs.at(-1),
    })
  }
})

test('a backend that is down for a while gets everything later, in order', async () => {
  await world.backend.down()
  await world.start({ attempts: 1_000 })
  const events = await lives(3)
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(await world.pending()).toHaveLength(events.length)
  await world.backend.up()
  await drained()
  expect(await world.taken()).toHaveLength(events.length)
  for (let n = 1; n <= 3; n++) expect(takenInOrder(events, keyIdOf(n))).toHaveLength(LIFE.length)
  for (let n = 1; n <= 3; n++)
    expect(takenInOrder(events, keyIdOf(n))).toEqual(sorted(takenInOrder(events, keyIdOf(n))))
})

test('a duo-node killed after it has sent and before it has noted so sends again, and the backend takes it once', async () => {
  const [first, second] = [await world.tell(keyIdOf(1), 'key.pending'), await world.tell(keyIdOf(1), 'key.ready')]
  const doomed = await world.spawn()
  world.backend.meddle = async (_, pass) => {
    const status = await pass()
    await doomed.kill()
    return status
  }
  await until(() => world.backend.arrivals.length === 1)
  expect(await world.taken()).toEqual([first.id])
  expect((await world.pending()).map(({ id }) => id)).toEqual([first.id, second.id])

  world.backend.meddle = async (_, pass) => pass()
  await world.spawn()
  await drained()
  expect(world.backend.arrivals.map(({ id }) => id)).toEqual([first.id, first.id, second.id])
  expect((await world.taken()).toSorted()).toEqual([first.id, second.id].toSorted())
  expect(await world.states.find(first.data.owner, keyIdOf(1))).toMatchObject({ seq: second.data.seq })
}, 40_000)

test('two instances share the work: each event is applied once, in order', async () => {
  await Promise.all([world.spawn(), world.spawn()])
  const events = await lives(6)
  await drained()
  expect((await world.taken()).toSorted()).toEqual(events.map(({ id }) => id).toSorted())
  for (let n = 1; n <= 6; n++) {
    const seqs = takenInOrder(events, keyIdOf(n))
    expect([...new Set(seqs)]).toEqual(sorted([...new Set(seqs)]))
    expect(await world.states.find(events[0]!.data.owner, keyIdOf(n))).toMatchObject({ seq: Math.max(...seqs) })
  }
})

test('what a passing failure refused is sent again, and what comes after it waits', async () => {
  let refusals = 3
  world.backend.meddle = async (_, pass) => (refusals-- > 0 ? 503 : pass())
  const events = await lives(1)
  await world.start()
  await drained()
  expect(world.backend.arrivals.map(({ status }) => status)).toEqual([503, 503, 503, 204, 204, 204, 204, 204])
  expect(takenInOrder(events, keyIdOf(1))).toEqual(events.map(({ data }) => data.seq))
})

test('a key with more events than a page holds has them delivered in order, though the first are refused', async () => {
  const events: KeyEvent[] = []
  for (let i = 0; i < 130; i++) events.push(await world.tell(keyIdOf(1), LIFE[i % LIFE.length]!))
  let refusals = 3
  world.backend.meddle = async (_, pass) => (refusals-- > 0 ? 503 : pass())
  await world.start({ backoffMs: 1 })
  await drained()
  expect(takenInOrder(events, keyIdOf(1))).toEqual(events.map(({ data }) => data.seq))
})

test('of a key that goes on over a page only the first part is worked on at a look', async () => {
  const [first, second, other] = [
    await world.tell(keyIdOf(1), 'key.pending'),
    await world.tell(keyIdOf(1), 'key.ready'),
    await world.tell(keyIdOf(2), 'key.pending'),
  ]
  const looking = new AbortController()
  const worked: string[] = []
  await pump({
    source: {
      list: async (after) => (after === undefined ? { events: [first], next: 'x' } : { events: [second, other] }),
    },
    deliver: async (_, events) => {
      worked.push(...events.map(({ id }) => id))
      if (events.includes(other)) looking.abort()
    },
    pollMs: 1,
    log: createLog({ name: 'test', level: 'silent' }),
    signal: looking.signal,
  })
  expect(worked).toEqual([first.id, other.id])
})

test('a running attempt ends before duo-node stops, and no other begins', async () => {
  let release: (() => void) | undefined
  world.backend.meddle = async (_, pass) => {
    await new Promise<void>((resolve) => (release = resolve))
    return pass()
  }
  await lives(1)
  const node = await world.start()
  await until(() => release !== undefined)
  const stopped = node.close()
  release!()
  await stopped
  expect(world.backend.arrivals).toHaveLength(1)
  expect(await world.pending()).toHaveLength(LIFE.length - 1)
})

test('whoever is connected by Socket.IO hears of it too', async () => {
  const node = await world.start()
  const socket = await dialed(node.url, world.key)
  const told = heard(socket, 'key.ready')
  const event = await world.tell(keyIdOf(1), 'key.ready')
  expect(await told).toEqual(event)
  socket.close()
})

describe('a dead letter', () => {
  const refusing = (dead: () => string) => async (id: string, pass: () => Promise<number>) =>
    id === dead() ? 400 : pass()

  const admin = async (url: string, method: string, path: string, subject = 'system') => {
    const token = await tokenFor(world.key, { method, path }, { subject })
    const answer = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}` } })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  test('is put away after the last attempt, shown, and lets what comes after it pass', async () => {
    const events = await lives(2)
    const dead = events[2]!
    world.backend.meddle = refusing(() => dead.id)
    const { url } = await world.start()
    await drained()
    expect(world.backend.arrivals.filter(({ id }) => id === dead.id)).toHaveLength(4)
    expect(await world.taken()).toHaveLength(events.length - 1)
    expect(await admin(url, 'GET', '/admin/dead-letters')).toEqual({
      status: 200,
      body: { deadLetters: [{ event: dead, attempts: 4, reason: 'status 400', diedAt: expect.any(String) }] },
    })
  })

  test('is delivered when the operator says so, does not undo what is newer, and is gone', async () => {
    const events = await lives(1)
    const dead = events[1]!
    world.backend.meddle = refusing(() => dead.id)
    const { url } = await world.start()
    await drained()
    const replay = `/admin/dead-letters/${dead.id}/replay`
    expect(await admin(url, 'POST', replay)).toMatchObject({ status: 503, body: { error: 'UNAVAILABLE' } })

    world.backend.meddle = async (_, pass) => pass()
    expect(await admin(url, 'POST', replay)).toEqual({ status: 200, body: { id: dead.id, status: 'delivered' } })
    expect(await world.taken()).toContain(dead.id)
    expect(await world.states.find(dead.data.owner, keyIdOf(1))).toMatchObject({ status: 'FROZEN' })
    expect((await admin(url, 'GET', '/admin/dead-letters')).body).toEqual({ deadLetters: [] })
    expect(await admin(url, 'POST', replay)).toMatchObject({ status: 404 })
  })

  test('is nobody’s business but the backend’s', async () => {
    const { url } = await world.start()
    const path = '/admin/dead-letters'
    expect(await admin(url, 'GET', path, 'https://issuer.example|ada')).toMatchObject({ body: { error: 'FORBIDDEN' } })
    expect((await fetch(`${url}${path}`)).status).toBe(401)
  })
})
