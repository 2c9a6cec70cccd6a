import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { batchRows } from './batch.ts'
import { coldStartRows } from './cold-start.ts'
import { cryptoRows } from './crypto.ts'
import { digits, limited, YARDSTICK } from './limits.ts'
import { loadRows } from './load.ts'
import type { Row } from './measure.ts'
import { plot } from './plot.ts'
import { socketRows } from './sockets.ts'
import { stackRows } from './stack.ts'

/** One function per part of the system; each names its rows. */
const PARTS: readonly (() => Promise<Row[]>)[] = [cryptoRows, stackRows, loadRows, batchRows, coldStartRows, socketRows]

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, plot: { type: 'string' }, page: { type: 'string' } },
})
const rows: Row[] = []
for (const part of PARTS) rows.push(...(await part()))
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
  const head = [`| name | value | × \`${YARDSTICK}\` | at most |`, '|---|--:|--:|--:|']
  const lines = rows.map(({ name, value, unit }) => {
    const { counts, limit } = judged.get(name) ?? {}
    const ratio = counts === undefined || unit !== 'ms' ? '' : digits(counts)
    return `| \`${name}\` | ${digits(value)} ${unit} | ${ratio} | ${limit ?? ''} |`
  })
  return [`${machine()}.`, '', ...head, ...lines, ''].join('\n')
}

/** The machine in words. */
function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${memory} GB, Node ${process.version}`
}
