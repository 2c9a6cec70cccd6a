import { WireError } from '@tandem/wire'
import type { NodeName } from '../../sigpair/src/committee/network.ts'
import type { CommitteeDeps } from '../../sigpair/src/committee/operations/deps.ts'
import { encodeNote } from '../../sigpair/src/committee/operations/messages.ts'
import {
  ask,
  eventually,
  generate,
  keyAt,
  keyIdOf,
  message,
  openWorld,
  readyEverywhere,
  type World,
} from './committee-world.ts'

const ALL = { threshold: 2, nodes: [1, 2, 3] }
let world: World
afterEach(() => world.close())

const keyGenOf = (name: string, options: Parameters<typeof ask>[3] = {}) =>
  ask(world, 'keyGen', { keyId: keyIdOf(name), members: [...world.names], threshold: 2 }, options)

test.each([
  ['a caller nobody has pinned', { caller: 'a thief' }, 'caller'],
  ['an expired request', { expiresIn: -1 }, 'expiry'],
  ['a request for next week', { expiresIn: 7 * 24 * 3600 }, 'expiry'],
])('%s is refused, and changes nothing', async (_, options, details) => {
  world = await openWorld({ nodes: 3 })
  await expect(world.at(1).keyGen(keyGenOf('a', options))).rejects.toMatchObject({ code: 'FORBIDDEN', details })
  expect((await world.at(1).status()).keys).toEqual([])
})

test('a request with one letter changed is refused', async () => {
  world = await openWorld({ nodes: 3 })
  const honest = keyGenOf('a')
  const forged = { ...honest, params: { ...honest.params, keyId: keyIdOf('b') } }
  await expect(world.at(1).keyGen(forged)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'signature' })
})

test('a node does not take the word of another for a request', async () => {
  world = await openWorld({ nodes: 3 })
  const forged = keyGenOf('a', { caller: 'a thief' })
  const note = { type: 'keyGenPrepare', sessionId: `0x${'7'.repeat(64)}`, request: forged } as const
  await world.net.node(world.names[0]!).broadcast(encodeNote(note))
  await eventually(() =>
    world.logged(2).some(({ event, code }) => event === 'committee.refused' && code === 'FORBIDDEN'),
  )
  expect((await world.at(2).status()).keys).toEqual([])
})

test('a node whose policy refuses does not sign; t others that agree do', async () => {
  const refusing = new Set<NodeName>()
  const depsOf = (_: number, honest: CommitteeDeps): CommitteeDeps => ({
    ...honest,
    policy: ({ method }) => {
      if (method === 'keySign' && refusing.has(honest.network.self)) throw new WireError('POLICY_DENIED', 'digests')
    },
  })
  world = await openWorld({ nodes: 3, depsOf, timing: { readyMs: 1_500 } })
  await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  const request = () => ask(world, 'keySign', { keyId: keyIdOf('a'), payload: message('m') })
  refusing.add(world.names[2]!)
  expect((await world.at(1).keySign(request())).signers).toEqual(world.names.slice(0, 2))
  await expect(world.at(3).keySign(request())).rejects.toMatchObject({ code: 'POLICY_DENIED' })
  refusing.add(world.names[1]!)
  await expect(world.at(1).keySign(request())).rejects.toMatchObject({ code: 'POLICY_DENIED', details: 'digests' })
})

test('one request id names one request', async () => {
  world = await openWorld({ nodes: 3 })
  await generate(world, 'a', ALL)
  const requestId = `0x${'5'.repeat(32)}`
  const sign = (text: string) =>
    world.at(1).keySign(ask(world, 'keySign', { keyId: keyIdOf('a'), payload: message(text) }, { requestId }))
  await sign('one')
  await expect(sign('another')).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
})

test('a request to refresh that has been acted on is answered, and not acted on again', async () => {
  world = await openWorld({ nodes: 3 })
  const key = await generate(world, 'a', ALL)
  await readyEverywhere(world, 'a', ALL.nodes)
  const request = ask(world, 'keyRefresh', { keyId: key.keyId })
  const first = await world.at(1).keyRefresh(request)
  expect(await world.at(1).keyRefresh(request)).toEqual(first)
  await readyEverywhere(world, 'a', ALL.nodes)
  expect((await keyAt(world, 2, key.keyId))?.epoch).toBe(1)
})
