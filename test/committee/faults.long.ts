import type { Faults } from '../helpers/memory-network.ts'
import {
  ask,
  eventually,
  generate,
  keyAt,
  keyIdOf,
  message,
  openWorld,
  readyEverywhere,
  verifies,
  type World,
} from './committee-world.ts'

// Two minutes, in which nodes wait for those that are silent.

const worlds: World[] = []
const open = async (...options: Parameters<typeof openWorld>) => {
  const world = await openWorld(...options)
  worlds.push(world)
  return world
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

const ALL = { threshold: 2, nodes: [1, 2, 3] }
const signAt = (world: World, index: number, name: string, text = 'text') =>
  world.at(index).keySign(ask(world, 'keySign', { keyId: keyIdOf(name), payload: message(text) }))

test.each<[string, Partial<Faults>]>([
  ['lost', { loss: 0.5 }],
  ['repeated', { repetition: 1 }],
  ['reordered', { reordering: 0.7 }],
  ['late', { delayMs: 15 }],
])('broadcasts that are %s change nothing', async (_, faults) => {
  const world = await open({ nodes: 3, faults })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  expect(verifies(key.publicKey, await signAt(world, 2, 'a'))).toBe(true)
})

test('a node that is down is routed around when others sign, and stops a keyGen, which leaves no PENDING', async () => {
  const world = await open({ nodes: 3 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  await world.stop(3)
  expect(verifies(key.publicKey, await signAt(world, 1, 'a'))).toBe(true)
  await expect(generate(world, 'b', ALL)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await eventually(async () => (await keyAt(world, 1, keyIdOf('b')))?.status === 'ERROR')
  await eventually(async () => (await keyAt(world, 2, keyIdOf('b')))?.status === 'ERROR')
  await world.restart(3)
  expect((await generate(world, 'b', ALL)).status).toBe('READY')
})

test('a node that goes silent in the rounds is named and left out of the next run', async () => {
  const world = await open({ nodes: 3 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  const [, second] = world.names
  const stop = world.net.onSent((from, to, payload) => {
    // the first round message it sends is its last word
    if (from === second && to !== undefined && payload[0] === 1) world.net.deafen(second)
  })
  const request = ask(world, 'keySign', {
    keyId: keyIdOf('a'),
    payload: message('text'),
    signers: world.names.slice(0, 2),
  })
  const signed = await world.at(1).keySign(request)
  stop()
  expect(verifies(key.publicKey, signed)).toBe(true)
})

test('fewer than t nodes: the caller is told so in bounded time', async () => {
  const world = await open({ nodes: 3 })
  await generate(world, 'a', ALL)
  world.net.partition([world.names[0]!], world.names.slice(1))
  await expect(signAt(world, 1, 'a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect((await signAt(world, 2, 'a')).signers).toEqual(world.names.slice(1))
  world.net.heal()
  expect((await signAt(world, 1, 'a')).signers).toContain(world.names[0])
})

test('who missed the last acknowledgements asks for them when it is back', async () => {
  const world = await open({ nodes: 3 })
  const third = world.names[2]!
  const stop = world.net.onSent((from, _to, payload) => {
    // its own acknowledgement is sent, and it hears nothing any more
    if (from === third && payload[0] === 1 && payload[1 + 32 + 64 + 7] === 4) world.net.deafen(third)
  })
  await generate(world, 'a', ALL).catch(() => undefined)
  stop()
  world.net.undeafen(third)
  await readyEverywhere(world, 'a', ALL.nodes)
  expect((await signAt(world, 3, 'a')).signers).toContain(third)
})

test('a wiped disk: the node is no signer, and a reshare to the same members makes it one', async () => {
  const world = await open({ nodes: 3 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  await world.restart(3, 'wiped')
  await expect(signAt(world, 3, 'a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const { keyId } = key
  await expect(world.at(1).keyRefresh(ask(world, 'keyRefresh', { keyId }))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await world.at(1).keyReshare(ask(world, 'keyReshare', { keyId, members: [...world.names], threshold: 2 }))
  await readyEverywhere(world, 'a', ALL.nodes)
  expect(verifies(key.publicKey, await signAt(world, 3, 'a'))).toBe(true)
})

test('a member that was away during a reshare learns of it, erases its share, and signs no more', async () => {
  const world = await open({ nodes: 4 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  await world.stop(3)
  const members = [0, 1, 3].map((at) => world.names[at]!)
  await world.at(1).keyReshare(ask(world, 'keyReshare', { keyId: key.keyId, members, threshold: 2 }))
  await world.restart(3)
  await eventually(async () => (await keyAt(world, 3, key.keyId)) === undefined)
  await expect(signAt(world, 3, 'a')).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
  expect(verifies(key.publicKey, await signAt(world, 4, 'a'))).toBe(true)
})

test('a deletion reaches who was away, and purges the sealed record after the grace period', async () => {
  const world = await open({ nodes: 3 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  await world.stop(2)
  const deletion = await world.at(1).keyDelete(ask(world, 'keyDelete', { keyId: key.keyId }))
  expect(deletion.missing).toEqual([world.names[1]])
  await world.restart(2)
  await eventually(async () => (await keyAt(world, 2, key.keyId))?.status === 'DELETED')
  const records = () => world.store(1).list('keys', { limit: 10 })
  expect((await records()).docs[0]?.data['current']).not.toBeNull()
  world.clock.ms += 2_000
  await eventually(async () => (await records()).docs[0]?.data['current'] === null)
  expect((await world.store(1).list('pairs', { limit: 10 })).docs.every(({ data }) => data['setup'] === null)).toBe(
    true,
  )
})
