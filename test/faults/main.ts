import { parseArgs } from 'node:util'
import { FLOWS, flowOf, type Flow } from './flows.ts'
import { dieAt, type Victim } from './point.ts'
import { type FaultWorld, startFaultWorld } from './world.ts'

/**
 * `npm run test:faults`: kills either side at every moment of every flow, one after the other, until the flow ends without a
 * death: half an hour. `--flow`, `--victim`, `--from`, `--step` and `--only` narrow it down; ends with 1 if anything does not hold.
 */
const { values } = parseArgs({
  options: {
    flow: { type: 'string', multiple: true },
    victim: { type: 'string', multiple: true },
    /** in Sigpair's place: `pair` or `committee`, whose victims are a member, the gateway and the device */
    beside: { type: 'string', default: 'pair' },
    /** numbers of moments, from 0 */
    only: { type: 'string', multiple: true },
    from: { type: 'string', default: '0' },
    /** every so manieth moment */
    step: { type: 'string', default: '1' },
  },
})

type Row = {
  readonly flow: string
  readonly victim: Victim
  readonly points: number
  /** points at which the flow reported success in spite of the death */
  readonly succeeded: number
  readonly failures: readonly string[]
}

const beside = values.beside === 'committee' ? 'committee' : 'pair'
const flows = values.flow === undefined ? FLOWS : values.flow.map(flowOf)
const mortals = beside === 'pair' ? (['sigpair', 'device'] as const) : (['member', 'gateway', 'device'] as const)
const victims = mortals.filter((one) => values.victim?.includes(one) ?? true)
const rows: Row[] = []
const world = await startFaultWorld(beside)
try {
  for (const flow of flows) for (const victim of victims) rows.push(await killEverywhere(world, flow, victim))
} finally {
  await world.close()
}
print(rows)
process.exitCode = rows.every(({ failures }) => failures.length === 0) ? 0 : 1

async function killEverywhere(world: FaultWorld, flow: Flow, victim: Victim): Promise<Row> {
  const { moments } = await dieAt(world, { flow, victim, diesAt: -1 }, 'dry')
  const failures: string[] = []
  const chosen = values.only?.map(Number)
  let [points, succeeded] = [0, 0]
  for (let diesAt = Number(values.from); diesAt < moments.length * 2; diesAt += Number(values.step)) {
    if (chosen !== undefined && !chosen.includes(diesAt)) continue
    const name = moments[diesAt] ?? 'later'
    const begun = performance.now()
    const outcome = await dieAt(world, { flow, victim, diesAt }, 'full').catch((error: Error) => error)
    if (outcome instanceof Error) failures.push(`${diesAt} (${name}): ${outcome.message}`)
    else if (outcome.survived) break
    else succeeded += Number(outcome.succeeded)
    points += 1
    const ms = Math.round(performance.now() - begun)
    const what = outcome instanceof Error ? `FAILED: ${outcome.message}` : outcome.succeeded ? 'went on' : 'reconciled'
    process.stderr.write(`${flow.name} ${victim} ${diesAt + 1}/${moments.length} ${name}: ${what}, ${ms} ms\n`)
  }
  return { flow: flow.name, victim, points, succeeded, failures }
}

function print(all: readonly Row[]): void {
  for (const { flow, victim, points, succeeded, failures } of all) {
    const what = `${points} deaths, ${succeeded} unnoticed by the caller, ${failures.length} failures`
    process.stdout.write(`${flow.padEnd(10)} ${victim.padEnd(8)} ${what}\n`)
    for (const failure of failures) process.stdout.write(`  ${failure}\n`)
  }
}
