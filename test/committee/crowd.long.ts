import { committeeKey, WireError } from '@tandem/wire'
import { requireInvariants } from './invariants.ts'
import { generate, insist, newKeyId, openProcessWorld, type ProcessWorld, sign } from './process-world.ts'

// Four minutes: many keys at once, signatures in the middle of reshares, a lost disk, a deletion that somebody missed.

let world: ProcessWorld
beforeAll(async () => {
  world = await openProcessWorld({ nodes: 4 })
})
afterAll(async () => world.close())

test('fifty keys at once, asked at all three nodes: each comes to be, once, and signs with every quorum', async () => {
  const members = [1, 2, 3]
  const generating = Array.from({ length: 50 }, async (_, i) => {
    const asked = [members[i % 3]!, ...members.filter((_place, at) => at !== i % 3)]
    const command = world.command('keyGen', { keyId: newKeyId(), members: world.namesOf(members), threshold: 2 })
    return committeeKey.parse(await insist(async () => world.ask(command, asked)))
  })
  const keys = await Promise.all(generating)
  expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(50)
  expect(await requireInvariants(world, { keys })).toEqual(keys)
})

test('signatures in the middle of reshares: each is made, and is one of the same key', async () => {
  const key = await generate(world, [1, 2, 3])
  const moved = new AbortController()
  let signed = 0
  const signing = [2, 3].map(async (place) => {
    while (!moved.signal.aborted) {
      await sign(world, key, [place])
      signed++
    }
  })
  try {
    for (const places of [
      [2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3],
    ]) {
      const command = world.command('keyReshare', { keyId: key.keyId, members: world.namesOf(places), threshold: 2 })
      const before = signed
      await insist(async () => world.ask(command, [2]))
      await insist(async () => sign(world, key, [2]))
      expect(signed).toBeGreaterThanOrEqual(before)
    }
  } finally {
    moved.abort()
    await Promise.all(signing)
  }
  const [last] = await requireInvariants(world, { keys: [key] })
  expect(world.placesOf(last!.members)).toEqual([1, 2, 3])
})

test('a node that lost its disk signs nothing, and is a member again after a reshare', async () => {
  const key = await generate(world, [1, 2, 3])
  await world.node(3).kill()
  world.wipe(3)
  await world.start(3)
  const { keyId } = key
  const payload = { kind: 'message', message: 'nothing left' }
  const alone = world.ask(world.command('keySign', { keyId, payload }), [3])
  await expect(alone).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await sign(world, key, [1])).toEqual([1, 2])
  const command = world.command('keyReshare', { keyId, members: world.namesOf([1, 2, 3]), threshold: 2 })
  await insist(async () => world.ask(command, [1]))
  const [now] = await requireInvariants(world, { keys: [key] })
  expect(now?.keySessionId).not.toBe(key.keySessionId)
})

test('a deletion that a dead node missed: it hears of it, and nobody brings the key back', async () => {
  const key = await generate(world, [1, 2, 3])
  const { keyId } = key
  await world.node(2).kill()
  await insist(async () => world.ask(world.command('keyDelete', { keyId }), [1]))
  await world.start(2)
  const again = world.command('keyGen', { keyId, members: world.namesOf([1, 2, 3]), threshold: 2 })
  const refused = await insist(async () => world.ask(again, [3])).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(WireError)
  expect(refused).toMatchObject({ code: 'KEY_DELETED' })
  await requireInvariants(world, { keys: [], deleted: [keyId] })
})
