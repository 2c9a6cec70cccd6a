import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CallerMethod, type CommitteeKey, WireError } from '@tandem/wire'
import { requireInvariants } from './invariants.ts'
import { eventually, generate, newKeyId, openProcessWorld, type ProcessWorld } from './process-world.ts'

// Five minutes: one of four nodes is a process that lies, replays or floods; see children/cheating-node.ts.

const CHILD = join(import.meta.dirname, 'children/cheating-node.ts')
const CHEAT = 3
const HONEST = [1, 2, 4]
const cheats = [CHEAT]

let world: ProcessWorld
/** one that the cheat is a member of, made while it was honest */
let shared: CommitteeKey
const orders: Record<string, string> = {}

beforeAll(async () => {
  world = await openProcessWorld({
    nodes: 4,
    adapt: (place, planned) => (place === CHEAT ? { args: [CHILD], env: Object.assign(orders, planned.env) } : planned),
  })
})
beforeEach(async () => {
  await order('')
  shared = await generate(world, [1, 2, CHEAT])
})
afterAll(async () => world.close())

/** Starts the cheat anew. */
async function order(cheat: string, victim?: number): Promise<void> {
  await world.node(CHEAT).kill()
  Object.assign(orders, { CHEAT: cheat, VICTIM: victim === undefined ? '' : world.node(victim).node })
  await world.start(CHEAT)
  await eventually(async () => {
    for (const place of [CHEAT, ...HONEST]) {
      const { peers } = await world.status(place)
      expect(peers.every(({ connected }) => connected)).toBe(true)
    }
  })
}

type Case = {
  readonly lie: string
  readonly victim: number
  readonly method: CallerMethod
  readonly params: () => object
  /** what honest nodes find, and which of them */
  readonly code: string
  readonly finders: readonly number[]
}

const members = () => world.namesOf([1, 2, CHEAT])
const signing = (): object => {
  const payload = { kind: 'message', message: 'signed with a cheat' }
  return { keyId: shared.keyId, payload, signers: world.namesOf([1, CHEAT]) }
}

const CASES: readonly Case[] = [
  {
    ...{ lie: 'commitment', victim: 2, code: 'EQUIVOCATION', finders: [1, 2] },
    ...{ method: 'keyGen', params: () => ({ keyId: newKeyId(), members: members(), threshold: 2 }) },
  },
  {
    ...{ lie: 'share', victim: 2, code: 'BAD_SHARE', finders: [2] },
    ...{ method: 'keyGen', params: () => ({ keyId: newKeyId(), members: members(), threshold: 2 }) },
  },
  {
    ...{ lie: 'refreshShare', victim: 2, code: 'BAD_SHARE', finders: [2] },
    ...{ method: 'keyRefresh', params: () => ({ keyId: shared.keyId }) },
  },
  {
    ...{ lie: 'oblivious', victim: 1, code: 'BAD_OT_CHECK', finders: [1] },
    ...{ method: 'keySign', params: signing },
  },
  {
    ...{ lie: 'signatureShare', victim: 1, code: 'UNATTRIBUTED', finders: [1] },
    ...{ method: 'keySign', params: signing },
  },
]

test.each(CASES)('$lie: who lies in a $method is named, and the others go on', async (one) => {
  await order(one.lie, one.victim)
  const asked = world.ask(world.command(one.method, one.params()), [1])
  await asked.catch((error: unknown) => expect(error).toBeInstanceOf(WireError))
  for (const place of one.finders) {
    await eventually(async () => {
      const { faults } = await world.status(place)
      expect(faults).toContainEqual(expect.objectContaining({ code: one.code, culprits: world.namesOf([CHEAT]) }))
    })
  }
  await requireOthersGoOn()
})

test.each(['replay', 'flood', 'sessions'])('%s: it does no harm to the others', async (crime) => {
  await order(crime)
  // What it takes part in may end well or not; it ends.
  const params = { keyId: newKeyId(), members: members(), threshold: 2 }
  await world.ask(world.command('keyGen', params), [1]).catch((error: unknown) => error)
  await requireOthersGoOn()
  for (const place of HONEST) expect(megabytesOf(place)).toBeLessThan(1_500)
})

/** With the cheat as it is. */
async function requireOthersGoOn(): Promise<void> {
  const own = await generate(world, HONEST)
  await requireInvariants(world, { keys: [own, shared], cheats })
}

/** The most memory that a node has had. */
function megabytesOf(place: number): number {
  const [, kilobytes = '0'] =
    /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${world.node(place).pid()}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}
