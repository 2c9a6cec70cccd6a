import { faultsOf, restartUnderLoad } from '../../infra/local/src/rolling.ts'
import { onFirestore, type ScaleWorld, startScaleWorld } from './world.ts'

/** `rehearsal.long.ts` does all of it, on Firestore. Here Firestore only if somebody's emulator runs already. */
const storage = process.env['FIRESTORE_EMULATOR_HOST'] === undefined ? { engine: 'sqlite' as const } : onFirestore()

const START_MS = 120_000

let world: ScaleWorld
beforeAll(async () => {
  world = await startScaleWorld(storage)
}, START_MS)
afterAll(() => world.close(), START_MS)

test(
  'two of each service: one of every kind is restarted while two devices pay, and every payment is made once',
  async () => {
    const { stack } = world
    const payers = await world.payers(2, 8)
    const instances = stack.instances.filter(({ name }) => name.endsWith(' 1'))
    expect(instances.map(({ name }) => name)).toEqual([
      'sigpair-device 1',
      'sigpair-internal 1',
      'duo-node 1',
      'functions 1',
    ])
    const { payments, restarts } = await restartUnderLoad({ instances, payers, chainId: stack.chainId })
    expect(restarts).toHaveLength(instances.length)
    expect(await faultsOf(payments, payers, stack.chain)).toEqual([])
  },
  START_MS,
)
