import { availableParallelism, cpus, totalmem } from 'node:os'
import { cryptoRows } from './crypto.ts'
import type { Row } from './measure.ts'

/** At most this many times `noble_base_mult_ms`, or this many bytes. Source: the numbers the project set itself. */
const LIMITS: Readonly<Record<string, number>> = {
  keygen_2of2_both_parties_ms: 1200,
  keygen_2of2_both_parties_ms_noble_only: 5000,
  sign_2of2_both_parties_ms: 15,
  sign_2of2_both_parties_ms_noble_only: 60,
  sign_online_both_parties_ms: 2,
  sign_online_both_parties_ms_noble_only: 12,
  wire_bytes_per_signature: 90_000,
  keyshare_bytes: 12_000,
}

/** One function per part of the system; each names its rows. */
const PARTS: readonly (() => Promise<Row[]>)[] = [cryptoRows]

const rows: Row[] = []
for (const part of PARTS) rows.push(...(await part()))
process.stdout.write(process.argv.includes('--json') ? `${JSON.stringify(rows)}\n` : table(rows))

function table(rows: readonly Row[]): string {
  const base = rows.find(({ name }) => name === 'noble_base_mult_ms')!.value
  const head = ['| name | median | × `noble_base_mult_ms` | at most |', '|---|--:|--:|--:|']
  const lines = rows.map(({ name, value, unit }) => {
    const ratio = unit === 'ms' ? digits(value / base) : ''
    return `| \`${name}\` | ${digits(value)} ${unit} | ${ratio} | ${LIMITS[name] ?? ''} |`
  })
  return [`${machine()}.`, '', ...head, ...lines, ''].join('\n')
}

/** Three significant digits, and whole numbers whole. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** The machine in words. */
function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${memory} GB, Node ${process.version}`
}
