import { faultsOf, restartUnderLoad } from '../../infra/local/src/stack/rolling.ts'
import { knownEmulator } from '../store/emulator.ts'
import { onFirestore, type ScaleWorld, startScaleWorld } from './world.ts'

/** `rehearsal.long.ts` does all of it, on Firestore. Here Firestore only if an emulator runs anyway. */
async function storage() {
  const emulator = await knownEmulator()
  return emulator === undefined ? { engine: 'sqlite' as const } : onFirestore(emulator)
}

const START_MS = 120_000
const STORY_MS = 300_000

const RESTARTED = ['sigpair-device 1', 'duo-node 1', 'functions 1']

let world: ScaleWorld
beforeAll(async () => {
  world = await startScaleWorld(await storage())
}, START_MS)
afterAll(() => world.close(), START_MS)

test(
  'two of each service: some are restarted while two devices pay, and every payment is made once',
  async () => {
    const { stack } = world
    const payers = await world.payers(2, 8)
    const instances = stack.instances.filter(({ name }) => RESTARTED.includes(name))
    const { payments, restarts } = await restartUnderLoad({ instances, payers, chainId: stack.chainId })
    expect(restarts.map(({ name }) => name)).toEqual(RESTARTED)
    expect(await faultsOf(payments, payers, stack.chain)).toEqual([])
  },
  STORY_MS,
)
