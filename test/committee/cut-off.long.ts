import { requireInvariants } from './invariants.ts'
import { generate, openProcessWorld, type ProcessWorld, sign } from './process-world.ts'

// What `npm run test:long -- test/committee` does everywhere, once: nodes that are processes, a line that is cut, and healed.

let world: ProcessWorld
afterEach(async () => world.close())

test('a node that is cut off is done without, and when it is back every quorum signs', async () => {
  world = await openProcessWorld({ nodes: 3 })
  const key = await generate(world, [1, 2, 3])
  world.lines.partition([3], [1, 2])
  expect(await sign(world, key, [1])).toEqual([1, 2])
  world.lines.heal()
  expect(await requireInvariants(world, { keys: [key] })).toEqual([key])
}, 120_000)
