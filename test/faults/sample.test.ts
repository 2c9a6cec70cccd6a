import { type Flow, FLOWS } from './flows.ts'
import { dieAt, type Victim } from './point.ts'
import { type FaultWorld, startFaultWorld } from './world.ts'

/** Some of the deaths of `npm run test:faults`, which tries all of them. */
const SAMPLE = {
  keygen: { sigpair: ['before answer 3'], device: [] }, // the device: test/scenario/02-crash.test.ts
  refresh: { sigpair: ['after write 14', 'before answer 5'], device: ['after call 3'] },
  recover: { sigpair: [], device: ['after write 3'] },
} as const satisfies Record<Flow['name'], Partial<Record<Victim, readonly string[]>>>

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

/** Several processes are started for each, whatever else the machine has to do. */
const PATIENCE_MS = 90_000

test.each(deaths)(
  '$name: the $victim dies $diesAt, and afterwards there is one pair, and it signs',
  async (death) => {
    expect(await dieAt(world, death, 'sample')).toMatchObject({ survived: false })
  },
  PATIENCE_MS,
)
