import { FLOWS } from './flows.ts'
import { dieAt } from './point.ts'
import { type FaultWorld, startFaultWorld } from './world.ts'

/** Some of the deaths of `npm run test:faults`, which tries all of them. */
const SAMPLE = {
  keygen: {
    sigpair: ['after write 5', 'before answer 3'],
    device: ['after write 2', 'before call 3'],
  },
  refresh: {
    sigpair: ['after write 14', 'before answer 4'],
    device: ['before frame out 6', 'before call 5'],
  },
} as const

let world: FaultWorld
beforeAll(async () => {
  world = await startFaultWorld()
})
afterAll(() => world.close())

const deaths = FLOWS.flatMap((flow) =>
  (['sigpair', 'device'] as const).flatMap((victim) =>
    SAMPLE[flow.name][victim].map((diesAt) => ({ flow, name: flow.name, victim, diesAt })),
  ),
)

test.each(deaths)('$name: the $victim dies $diesAt, and afterwards there is one pair, and it signs', async (death) => {
  expect(await dieAt(world, death, 'sample')).toMatchObject({ survived: false })
})
