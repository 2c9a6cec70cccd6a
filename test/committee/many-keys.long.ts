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

const ALL = { threshold: 2, nodes: [1, 2, 3] }

/** However slow the machine is, nobody here is silent. */
const PATIENT = { readyMs: 60_000, roundMs: 60_000, leaseMs: 240_000 }

let world: World
afterEach(() => world.close())

test('keys sign at two nodes while one of them moves, one is refreshed and one is made: every signature is good, all nodes agree, nothing is left over', async () => {
  world = await openWorld({ nodes: 4, timing: PATIENT })
  const [moving, fresh] = await Promise.all([generate(world, 'moving', ALL, 1), generate(world, 'fresh', ALL, 2)])
  for (const name of ['moving', 'fresh']) await readyEverywhere(world, name, ALL.nodes)
  const members = world.names.slice(1)
  const changed = new AbortController()
  const changes = Promise.all([
    world.at(1).keyReshare(ask(world, 'keyReshare', { keyId: moving.keyId, members, threshold: 2 })),
    world.at(3).keyRefresh(ask(world, 'keyRefresh', { keyId: fresh.keyId })),
    generate(world, 'third', ALL, 2),
  ]).finally(() => changed.abort())
  const signing = [moving, fresh].flatMap((key) =>
    [2, 3].map(async (at) => {
      for (let made = 0; made < 2 || (made < 5 && !changed.signal.aborted); made++) {
        const signed = await world.at(at).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('on') }))
        expect(verifies(key.publicKey, signed)).toBe(true)
      }
    }),
  )
  const [[moved, refreshed]] = await Promise.all([changes, ...signing])
  expect(moved).toMatchObject({ publicKey: moving.publicKey, members })
  expect(refreshed).toMatchObject({ publicKey: fresh.publicKey, epoch: 1 })

  await readyEverywhere(world, 'moving', [2, 3, 4])
  for (const name of ['fresh', 'third']) await readyEverywhere(world, name, ALL.nodes)
  await eventually(async () => (await keyAt(world, 1, keyIdOf('moving'))) === undefined)
  for (const at of [1, 2, 3, 4]) {
    await eventually(async () => (await world.at(at).status()).sessions.length === 0)
    expect((await world.at(at).status()).faults).toEqual([])
  }
  const signed = await world.at(4).keySign(ask(world, 'keySign', { keyId: moving.keyId, payload: message('at last') }))
  expect(verifies(moving.publicKey, signed)).toBe(true)
}, 240_000)
