import type { Store } from '@tandem/store'
import type { CommitteeDeps } from '../../sigpair/src/committee/operations/deps.ts'
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

const MORTAL = 2
const ALL = { threshold: 2, nodes: [1, 2, 3] }

// Two minutes, in which the others wait for the dead one: so long that no honest node is taken for dead on a busy machine.

/** Which durable write of the node is its last, counted from when it is armed, and whether that one still happens. */
type Death = { readonly write: number; readonly when: 'before' | 'after' }

/** A node whose process dies at a write: nothing it does after that reaches disk or network. */
async function openMortal(nodes: number) {
  let left = Number.POSITIVE_INFINITY
  let when: Death['when'] = 'before'
  let died = false
  let world: World | undefined
  const die = () => {
    died = true
    world?.net.kill(world.names[MORTAL - 1]!)
    throw new Error('the process is gone')
  }
  const mortal = (store: Store): Store => ({
    ...store,
    async transaction(fn, options) {
      if (died) throw new Error('the process is gone')
      const last = --left === 0
      if (last && when === 'before') die()
      const result = await store.transaction(fn, options)
      if (last) die()
      return result
    },
  })
  let starts = 0
  const depsOf = (index: number, honest: CommitteeDeps) =>
    index === MORTAL && ++starts === 1 ? { ...honest, store: mortal(honest.store) } : honest
  world = await openWorld({ nodes, depsOf })
  const arm = (death: Death) => {
    left = death.write
    when = death.when
  }
  return { world, arm, hasDied: () => died }
}

let world: World
afterEach(() => world.close())

test.each<Death>([
  { write: 2, when: 'after' },
  { write: 7, when: 'before' },
])('a node dies $when its write $write of a keyGen: one key in the end, and nothing PENDING', async (death) => {
  const mortal = await openMortal(3)
  ;({ world } = mortal)
  mortal.arm(death)
  const first = await generate(world, 'a', ALL).catch(() => undefined)
  expect(mortal.hasDied()).toBe(true)
  await world.restart(MORTAL)
  await eventually(async () => {
    const keys = await Promise.all(ALL.nodes.map((index) => keyAt(world, index, keyIdOf('a'))))
    const states = new Set(keys.map((key) => key?.status))
    return states.size === 1 && !states.has('PENDING')
  })
  const key = await generate(world, 'a', ALL, MORTAL)
  if (first) expect(key.publicKey).toBe(first.publicKey)
  await readyEverywhere(world, 'a', ALL.nodes)
  const signed = await world.at(MORTAL).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('m') }))
  expect(verifies(key.publicKey, signed)).toBe(true)
})

test.each<Death>([{ write: 7, when: 'after' }])(
  'a node dies $when its write $write of a refresh: the key signs on',
  async (death) => {
    const mortal = await openMortal(3)
    ;({ world } = mortal)
    const key = await generate(world, 'a', ALL)
    await readyEverywhere(world, 'a', ALL.nodes)
    mortal.arm(death)
    await world
      .at(1)
      .keyRefresh(ask(world, 'keyRefresh', { keyId: key.keyId }))
      .catch(() => undefined)
    expect(mortal.hasDied()).toBe(true)
    await world.restart(MORTAL)
    for (const index of ALL.nodes) {
      const signed = await world.at(index).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('m') }))
      expect(verifies(key.publicKey, signed)).toBe(true)
    }
    const again = await world.at(1).keyRefresh(ask(world, 'keyRefresh', { keyId: key.keyId }))
    expect(again.publicKey).toBe(key.publicKey)
  },
)

test.each<Death>([{ write: 7, when: 'after' }])(
  'a node dies $when its write $write of a reshare: one committee signs, and the move can be made',
  async (death) => {
    const mortal = await openMortal(4)
    ;({ world } = mortal)
    const key = await generate(world, 'a', ALL)
    await readyEverywhere(world, 'a', ALL.nodes)
    const params = { keyId: key.keyId, members: world.names.slice(1), threshold: 2 }
    mortal.arm(death)
    await world
      .at(1)
      .keyReshare(ask(world, 'keyReshare', params))
      .catch(() => undefined)
    expect(mortal.hasDied()).toBe(true)
    await world.restart(MORTAL)
    const signAt = (index: number) =>
      world.at(index).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message('m') }))
    for (const index of [2, 3]) expect(verifies(key.publicKey, await signAt(index))).toBe(true)

    await world.at(3).keyReshare(ask(world, 'keyReshare', params))
    await readyEverywhere(world, 'a', [2, 3, 4])
    await eventually(async () => (await keyAt(world, 1, key.keyId)) === undefined)
    expect(verifies(key.publicKey, await signAt(4))).toBe(true)
  },
)

test('the status says who is waited for, and a lease that ends makes a key ERROR, whatever hangs', async () => {
  world = await openWorld({ nodes: 3, timing: { readyMs: 60_000 } })
  world.net.deafen(world.names[2]!)
  const hanging = generate(world, 'a', ALL).catch((error: unknown) => error)
  await eventually(async () => (await keyAt(world, 2, keyIdOf('a')))?.status === 'PENDING')
  expect((await world.at(1).status()).sessions).toMatchObject([
    { operation: 'keyGen', keyId: keyIdOf('a'), coordinator: world.names[0], round: 0, waitingFor: [world.names[2]] },
  ])
  world.net.kill(world.names[0]!)
  world.clock.ms += 61_000
  await eventually(async () => (await keyAt(world, 2, keyIdOf('a')))?.status === 'ERROR')
  await world.stop(1)
  expect(await hanging).toMatchObject({ code: 'UNAVAILABLE' })
})
