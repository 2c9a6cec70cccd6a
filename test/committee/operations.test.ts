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

const worlds: World[] = []
const open = async (...options: Parameters<typeof openWorld>) => {
  const world = await openWorld(...options)
  worlds.push(world)
  return world
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

test('2 of 3: generates, signs at any node, refreshes, signs again, is deleted', async () => {
  const world = await open({ nodes: 3 })
  const keyId = keyIdOf('a')
  const key = await generate(world, 'a', { threshold: 2, nodes: [1, 2, 3] })
  expect(key).toMatchObject({ keyId, status: 'READY', epoch: 0, threshold: 2 })
  await readyEverywhere(world, 'a', [1, 2, 3])

  const signed = await world.at(2).keySign(ask(world, 'keySign', { keyId, payload: message('one') }))
  expect(verifies(key.publicKey, signed)).toBe(true)

  const refreshed = await world.at(3).keyRefresh(ask(world, 'keyRefresh', { keyId }))
  expect(refreshed).toMatchObject({ publicKey: key.publicKey, epoch: 1, chainCode: key.chainCode })
  const again = await world.at(1).keySign(ask(world, 'keySign', { keyId, payload: message('two') }))
  expect(verifies(key.publicKey, again)).toBe(true)

  const deletion = await world.at(1).keyDelete(ask(world, 'keyDelete', { keyId }))
  expect(deletion.missing).toEqual([])
  const late = world.at(2).keySign(ask(world, 'keySign', { keyId, payload: message('x') }))
  await expect(late).rejects.toMatchObject({ code: 'KEY_DELETED' })
  await expect(generate(world, 'a', { threshold: 2, nodes: [1, 2, 3] })).rejects.toMatchObject({ code: 'KEY_DELETED' })
})

test('3 of 5 signs without two of its nodes, and becomes 2 of 3 with a new node: same key, who leaves has nothing, and the old shares sign no more', async () => {
  const world = await open({ nodes: 6 })
  const keyId = keyIdOf('b')
  const key = await generate(world, 'b', { threshold: 3, nodes: [1, 2, 3, 4, 5] })
  await world.stop(4)
  await world.stop(5)
  const three = await world.at(2).keySign(ask(world, 'keySign', { keyId, payload: message('three') }))
  expect(verifies(key.publicKey, three)).toBe(true)
  await world.restart(4)
  await world.restart(5)
  const members = [2, 3, 6].map((index) => world.names[index - 1]!)
  await readyEverywhere(world, 'b', [1, 2, 3, 4, 5])
  const moved = await world.at(1).keyReshare(ask(world, 'keyReshare', { keyId, members, threshold: 2 }))
  expect(moved).toMatchObject({ publicKey: key.publicKey, chainCode: key.chainCode, threshold: 2, members })
  await readyEverywhere(world, 'b', [2, 3, 6])
  await eventually(async () => {
    const left = await Promise.all([1, 4, 5].map((index) => keyAt(world, index, keyId)))
    return left.every((one) => one === undefined)
  })
  const signed = await world.at(6).keySign(ask(world, 'keySign', { keyId, payload: message('moved') }))
  expect(verifies(key.publicKey, signed)).toBe(true)
  const old = world.at(4).keySign(ask(world, 'keySign', { keyId, payload: message('old') }))
  await expect(old).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
})

test('a key that is there is answered from storage, whoever asks', async () => {
  const world = await open({ nodes: 3 })
  const shape = { threshold: 2, nodes: [1, 2, 3] }
  const key = await generate(world, 'c', shape)
  expect(await generate(world, 'c', shape, 3)).toEqual(key)
})

test('asked twice at once at two nodes, one key comes of it or none, and never two', async () => {
  const world = await open({ nodes: 3 })
  const shape = { threshold: 2, nodes: [1, 2, 3] }
  const both = await Promise.allSettled([generate(world, 'd', shape, 1), generate(world, 'd', shape, 2)])
  for (const one of both) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'KEY_PENDING' })
  }
  const key = await generate(world, 'd', shape, 3)
  for (const one of both) if (one.status === 'fulfilled') expect(one.value).toEqual(key)
})

test('the same request is answered with the same signature by every node', async () => {
  const world = await open({ nodes: 3 })
  await generate(world, 'e', { threshold: 2, nodes: [1, 2, 3] })
  const request = ask(world, 'keySign', { keyId: keyIdOf('e'), payload: message('once') })
  const first = await world.at(1).keySign(request)
  expect(await world.at(2).keySign(request)).toEqual(first)
  expect(await world.at(3).keySign(request)).toEqual(first)
})

// Fifty: crowd.long.ts.
test('three keys at once, one asked at each node, and each of them signs', async () => {
  const world = await open({ nodes: 3, timing: { readyMs: 20_000, roundMs: 20_000 } })
  const names = Array.from({ length: 3 }, (_, at) => `many ${at}`)
  const keys = await Promise.all(
    names.map((name, at) => generate(world, name, { threshold: 2, nodes: [1, 2, 3] }, 1 + at)),
  )
  expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(3)
  const signed = await Promise.all(
    keys.map(({ keyId }, at) => world.at(1 + at).keySign(ask(world, 'keySign', { keyId, payload: message('m') }))),
  )
  expect(signed.every((one, at) => verifies(keys[at]!.publicKey, one))).toBe(true)
})

test('signing goes on while the key is refreshed', async () => {
  const world = await open({ nodes: 3 })
  const key = await generate(world, 'f', { threshold: 2, nodes: [1, 2, 3] })
  const refreshing = world.at(1).keyRefresh(ask(world, 'keyRefresh', { keyId: key.keyId }))
  const sign = (text: string) =>
    world.at(2).keySign(ask(world, 'keySign', { keyId: key.keyId, payload: message(text) }))
  const signed = [await sign('1'), await sign('2'), await sign('3')]
  expect((await refreshing).epoch).toBe(1)
  expect(signed.every((one) => verifies(key.publicKey, one))).toBe(true)
})
