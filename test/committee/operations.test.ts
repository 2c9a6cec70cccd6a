import { ask, eventually, keyAt, keyIdOf, message, openWorld, verifies, type World } from './committee-world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ nodes: 5 })
})
afterAll(() => world.close())

const generate = (name: string, threshold: number, nodes: readonly number[], at = nodes[0]!) => {
  const members = nodes.map((index) => world.names[index - 1]!)
  return world.at(at).keyGen(ask(world, 'keyGen', { keyId: keyIdOf(name), members, threshold }))
}

test('2 of 3: generates, signs at any node, refreshes, signs again, is deleted', async () => {
  const keyId = keyIdOf('a')
  const key = await generate('a', 2, [1, 2, 3])
  expect(key).toMatchObject({ keyId, status: 'READY', epoch: 0, threshold: 2 })
  for (const index of [1, 2, 3]) await eventually(async () => (await keyAt(world, index, keyId))?.status === 'READY')

  const signed = await world.at(2).keySign(ask(world, 'keySign', { keyId, payload: message('one') }))
  expect(verifies(key.publicKey, signed)).toBe(true)

  const refreshed = await world.at(3).keyRefresh(ask(world, 'keyRefresh', { keyId }))
  expect(refreshed).toMatchObject({ publicKey: key.publicKey, epoch: 1, chainCode: key.chainCode })
  const again = await world.at(1).keySign(ask(world, 'keySign', { keyId, payload: message('two') }))
  expect(verifies(key.publicKey, again)).toBe(true)

  const deletion = await world.at(1).keyDelete(ask(world, 'keyDelete', { keyId }))
  expect(deletion.missing).toEqual([])
  await expect(world.at(2).keySign(ask(world, 'keySign', { keyId, payload: message('x') }))).rejects.toMatchObject({
    code: 'KEY_DELETED',
  })
  await expect(generate('a', 2, [1, 2, 3])).rejects.toMatchObject({ code: 'KEY_DELETED' })
})
