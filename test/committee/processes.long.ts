import { type CommitteeKey, committeeKey, WireError } from '@tandem/wire'
import { requireInvariants } from './invariants.ts'
import { eventually, generate, newKeyId, openProcessWorld, type ProcessWorld, sign } from './process-world.ts'

// A minute: three nodes, each a process, of which one at a time is dead or stopped.

const ALL = [1, 2, 3]
let world: ProcessWorld
let key: CommitteeKey

beforeAll(async () => {
  world = await openProcessWorld({ nodes: 3 })
  key = await generate(world, ALL)
})
afterAll(async () => world.close())
afterEach(async () => requireInvariants(world, { keys: [key] }))

test('a key is generated once, whoever is asked', async () => {
  expect(key).toMatchObject({ status: 'READY', threshold: 2, members: world.namesOf(ALL) })
  const { keyId, members, threshold } = key
  const again = world.command('keyGen', { keyId, members, threshold })
  expect(committeeKey.parse(await world.ask(again, [2, 3]))).toEqual(key)
})

test('they sign while any one of them is dead', async () => {
  for (const dead of ALL) {
    await world.node(dead).kill()
    expect(await sign(world, key, ALL)).not.toContain(dead)
    await world.start(dead)
  }
})

test('they sign while one of them is stopped, which its peers cannot tell from slow', async () => {
  world.signal(1, 'SIGSTOP')
  try {
    expect(await sign(world, key, ALL)).not.toContain(1)
  } finally {
    world.signal(1, 'SIGCONT')
  }
})

test('the status shows who is waited for, in which round and since when', async () => {
  world.signal(3, 'SIGSTOP')
  const keyId = newKeyId()
  try {
    const params = { keyId, members: world.namesOf(ALL), threshold: 2 }
    const refused = world.ask(world.command('keyGen', params), [1]).catch((error: unknown) => error)
    const [coordinator, , stopped] = world.namesOf(ALL)
    await eventually(async () => {
      const { sessions } = await world.status(1)
      const waiting = { keyId, operation: 'keyGen', coordinator, round: 0, waitingFor: [stopped] }
      expect(sessions).toEqual([expect.objectContaining(waiting)])
      expect(Date.now() - sessions[0]!.since).toBeLessThan(60_000)
    })
    expect(await refused).toBeInstanceOf(WireError)
    expect(await refused).toMatchObject({ code: 'UNAVAILABLE' })
  } finally {
    world.signal(3, 'SIGCONT')
  }
})
