import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { batchRows } from './batch.ts'
import { coldStartRows } from './cold-start.ts'
import { allCommitteeRows } from './committee-nodes.ts'
import { cryptoRows } from './crypto.ts'
import { jscRows } from './jsc.ts'
import { digits, limited, YARDSTICK } from './limits.ts'
import { loadRows } from './load.ts'
import type { Row } from './measure.ts'
import { plot } from './plot.ts'
import { socketRows } from './sockets.ts'
import { stackRows } from './stack.ts'

/** One function per part of the system; each names its rows. The first has the yardstick of all. */
const PARTS: Readonly<Record<string, () => Promise<Row[]>>> = {
  crypto: cryptoRows,
  stack: stackRows,
  load: loadRows,
  batch: batchRows,
  'cold-start': coldStartRows,
  sockets: socketRows,
  committee: allCommitteeRows,
  ios: jscRows,
}

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
    page: { type: 'string' },
    skip: { type: 'string', multiple: true, default: [] },
  },
})
const unknown = options.skip.filter((name) => PARTS[name] === undefined || name === 'crypto')
if (unknown.length > 0) throw new Error(`--skip: one of ${Object.keys(PARTS).slice(1).join(', ')}`)
const rows: Row[] = []
for (const [name, part] of Object.entries(PARTS)) if (!options.skip.includes(name)) rows.push(...(await part()))
process.stdout.write(options.json ? `${JSON.stringify(rows)}\n` : table(rows))
if (options.plot !== undefined) writeFileSync(options.plot, plot(limited(rows), machine()))
if (options.page !== undefined) writeFileSync(options.page, withRun(readFileSync(options.page, 'utf8'), table(rows)))

/** A page with this run in place of the one it had. */
function withRun(page: string, run: string): string {
  return page.replace(
    /(<!-- run -->\n).*(<!-- end of run -->)/s,
    (_, begin: string, end: string) => `${begin}${run}${end}`,
  )
}

function table(rows: readonly Row[]): string {
  const judged = new Map(limited(rows).map((row) => [row.name, row]))
  const base = rows.find(({ name }) => name === YARDSTICK)!.value
  const head = [`| name | value | × \`${YARDSTICK}\` | at most |`, '|---|--:|--:|--:|']
  const lines = rows.map(({ name, value, unit }) => {
    const ratio = unit === 'ms' && name !== YARDSTICK ? digits(value / base) : ''
    return `| \`${name}\` | ${digits(value)} ${unit} | ${ratio} | ${judged.get(name)?.limit ?? ''} |`
  })
  return [`${machine()}.`, '', ...head, ...lines, ''].join('\n')
}

/** The machine in words. */
function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${memory} GB, Node ${process.version}`
}
