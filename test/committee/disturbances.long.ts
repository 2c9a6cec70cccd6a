import { setTimeout as sleep } from 'node:timers/promises'
import { type CallerMethod, type CommitteeKey, committeeKey } from '@tandem/wire'
import { seeded } from '../helpers/rng.ts'
import { repeating, swapping } from './cut-proxy.ts'
import { requireInvariants } from './invariants.ts'
import { generate, insist, newKeyId, openProcessWorld, type ProcessWorld, sign } from './process-world.ts'

// Nine minutes: every disturbance in the middle of every operation of nodes that are processes.
// SEED=2 disturbs others at other moments: `SEED=2 npm run test:long -- test/committee/disturbances`.

const SEED = process.env['SEED'] ?? '1'
const NODES = 4

let world: ProcessWorld
/** One key goes through everything: its shares change again and again, and it stays the same key. */
let kept: CommitteeKey
const others: CommitteeKey[] = []

beforeAll(async () => {
  world = await openProcessWorld({ nodes: NODES })
  kept = await generate(world, [1, 2, 3])
})
afterAll(async () => world.close())

/** What one place is asked, if `victim` is to have a part in it. */
type Operation = {
  readonly method: CallerMethod
  readonly params: (members: readonly number[], victim: number) => object
}

const OPERATIONS: readonly Operation[] = [
  {
    method: 'keyGen',
    params: (members) => ({ keyId: newKeyId(), members: world.namesOf(members), threshold: 2 }),
  },
  {
    method: 'keySign',
    params: (members, victim) => ({
      keyId: kept.keyId,
      payload: { kind: 'message', message: 'disturbed' },
      signers: world.namesOf([members[0]!, victim === members[0] ? members[1]! : victim]),
    }),
  },
  { method: 'keyRefresh', params: () => ({ keyId: kept.keyId }) },
  {
    // who is in neither the old nor the new committee changes each time; the victim stays in
    method: 'keyReshare',
    params: (members, victim) => {
      const outside = world.places.filter((place) => !members.includes(place))
      const leaves = members.toReversed().find((place) => place !== victim)
      const next = [...members.filter((place) => place !== leaves), ...outside]
      return { keyId: kept.keyId, members: world.namesOf(next), threshold: 2 }
    },
  },
]

type Disturbance = {
  readonly what: string
  readonly begin: (victim: number) => void
  readonly end?: (victim: number) => void | Promise<void>
}

const apart = (victim: number) => world.lines.partition([victim], allBut(victim))
const allBut = (victim: number) => world.places.filter((place) => place !== victim)
const heal = () => world.lines.heal()
let death = Promise.resolve()

const DISTURBANCES: readonly Disturbance[] = [
  { what: 'is cut off', begin: apart, end: heal },
  {
    what: 'hears nothing',
    begin: (victim) => world.lines.lanesOf(victim, 'in').forEach((one) => one.stall()),
    end: heal,
  },
  {
    what: 'is not heard',
    begin: (victim) => world.lines.lanesOf(victim, 'out').forEach((one) => one.stall()),
    end: heal,
  },
  {
    what: 'is stopped',
    begin: (victim) => world.signal(victim, 'SIGSTOP'),
    end: (victim) => world.signal(victim, 'SIGCONT'),
  },
  {
    what: 'is killed',
    begin: (victim) => void (death = world.node(victim).kill()),
    end: async (victim) => {
      await death
      await world.start(victim)
    },
  },
  {
    what: 'has its bytes repeated',
    begin: (victim) => world.lines.lanesOf(victim).forEach((one) => one.tamper(repeating())),
  },
  {
    what: 'has its bytes swapped',
    begin: (victim) => world.lines.lanesOf(victim).forEach((one) => one.tamper(swapping())),
  },
]

/** What an operation lets pass to and from a node that takes part, when nothing disturbs it. */
const bytesOf = new Map<CallerMethod, number>()

const CELLS = OPERATIONS.flatMap((operation) =>
  DISTURBANCES.map((disturbance) => ({ operation, disturbance, method: operation.method, what: disturbance.what })),
)

test.each(OPERATIONS)('$method, undisturbed', async (operation) => {
  const [first, , last] = world.placesOf(kept.members) as [number, number, number]
  const before = world.lines.passed(last)
  await settle(operation, [first], last)
  bytesOf.set(operation.method, world.lines.passed(last) - before)
  await check()
})

test.each(OPERATIONS)('$method over slow lines', async (operation) => {
  for (const one of world.lines.all) one.slow({ delayMs: 100, bytesPerSecond: 250_000 })
  const [first, , last] = world.placesOf(kept.members) as [number, number, number]
  await settle(operation, [first], last)
  heal()
  await check()
})

test.each(CELLS)('in the middle of $method a node $what', async ({ operation, disturbance }) => {
  const rng = seeded(`${SEED} ${operation.method} ${disturbance.what}`)
  const [a = 0, b = 0, c = 0] = rng(3)
  const members = world.placesOf(kept.members)
  const victim = members[a % members.length]!
  const bytes = Math.floor(((bytesOf.get(operation.method) ?? 50_000) * b) / 256)
  // Shorter than a round, in which case it may be waited out, or longer than one.
  const lasts = c % 2 === 0 ? 3_000 : 14_000

  const disturbed = Promise.withResolvers<void>()
  let begun = false
  const disarm = world.lines.tripAt(victim, bytes, () => {
    begun = true
    disturbance.begin(victim)
    disturbed.resolve()
  })
  const asked = world.ask(world.command(operation.method, operation.params(members, victim)), members).then(
    () => true,
    () => false,
  )
  // What is over before is not disturbed.
  await Promise.race([disturbed.promise, asked])
  disarm()
  await Promise.all([
    sleep(lasts),
    disturbance.end &&
      sign(
        world,
        kept,
        members.filter((place) => place !== victim),
      ),
  ])
  if (begun) await disturbance.end?.(victim)
  heal()
  await asked
  await settle(operation, members, victim)
  await check()
})

/** Has it done, in the end. */
async function settle({ method, params }: Operation, asked: readonly number[], victim: number): Promise<void> {
  const members = world.placesOf(kept.members)
  const command = world.command(method, params(members, victim))
  const answer = await insist(async () => world.ask(command, asked))
  if (method === 'keyGen') others.push(committeeKey.parse(answer))
}

async function check(): Promise<void> {
  const [now] = await requireInvariants(world, { keys: [kept, ...others.slice(-1)] })
  kept = now!
}
