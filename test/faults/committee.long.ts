import { flowOf } from './flows.ts'
import { dieAt } from './point.ts'
import { type FaultWorld, startFaultWorld } from './world.ts'

/** Some of the deaths of `npm run test:faults -- --beside committee`, which tries all of them. */

let world: FaultWorld
beforeAll(async () => {
  world = await startFaultWorld('committee')
})
afterAll(() => world.close())

test.each([
  ['member', 'before write 21'],
  ['member', 'after write 34'],
  ['gateway', 'before call 4'],
  ['gateway', 'after frame out 45'],
  ['device', 'after frame out 14'],
] as const)(
  'a %s that dies %s of a rotation leaves one epoch, with which any two members sign',
  async (victim, diesAt) => {
    const death = { flow: flowOf('refresh'), victim, diesAt }
    expect(await dieAt(world, death, 'sample')).toMatchObject({ survived: false })
  },
)
