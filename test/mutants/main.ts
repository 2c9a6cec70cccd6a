import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Check, findChecks, INVENTORY, testFilesNaming, withoutLine } from './checks.ts'
import { copyRepository, removeCopy } from './copy.ts'
import { runTests, type TestRun } from './run-tests.ts'

/** `survived` and `broken` are ours to repair; `untested` has no passing test to begin with. */
type Verdict = 'killed' | 'survived' | 'untested' | 'broken'
type Row = Check & { readonly verdict: Verdict; readonly tests: number }

const root = resolve(import.meta.dirname, '../..')
const { values: options } = parseArgs({
  options: { only: { type: 'string', multiple: true }, json: { type: 'boolean' } },
})

const wanted = options.only?.flatMap((ids) => ids.split(','))
const checks = findChecks(root).filter(({ id }) => wanted === undefined || wanted.includes(id))
const missing = INVENTORY.filter((id) => !checks.some((check) => check.id === id) && (wanted?.includes(id) ?? true))

const baselines = new Map<string, TestRun>()
const rows = await judgeAll(checks)
print(rows)
process.exitCode = rows.every(({ verdict }) => verdict === 'killed') ? 0 : 1

/** Two at a time, each in a copy of its own. */
async function judgeAll(checks: readonly Check[]): Promise<Row[]> {
  const rows: Row[] = []
  const queue = checks.values()
  const copies = [copyRepository(root), copyRepository(root)]
  const clean = () => copies.forEach(removeCopy)
  process.once('SIGINT', () => {
    clean()
    process.exit(130)
  })
  try {
    const work = async (copy: string) => {
      for (const check of queue) {
        const row = await judge(copy, check)
        rows.push(row)
        process.stderr.write(`${rows.length}/${checks.length} ${describe(row)}\n`)
      }
    }
    await Promise.all(copies.map(work))
  } finally {
    clean()
  }
  return rows.toSorted((a, b) => checks.findIndex((c) => same(a, c)) - checks.findIndex((c) => same(b, c)))
}

/** The tests of the id must pass on the whole source, and fail without the line. */
async function judge(copy: string, check: Check): Promise<Row> {
  const path = join(copy, check.file)
  const source = readFileSync(path, 'utf8')
  const files = testFilesNaming(copy, check.id)
  const whole = await baseline(copy, files, check.id)
  if (whole.ran === 0 || whole.failed > 0 || whole.broken) return { ...check, verdict: 'untested', tests: whole.ran }

  writeFileSync(path, withoutLine(source, check.line))
  try {
    return { ...check, verdict: verdictOf(await runTests(copy, files, check.id)), tests: whole.ran }
  } finally {
    writeFileSync(path, source)
  }
}

/** One id may guard several lines: its tests run once on the whole source. */
async function baseline(copy: string, files: readonly string[], id: string): Promise<TestRun> {
  const known = baselines.get(id)
  if (known) return known
  const run = await runTests(copy, files, id)
  baselines.set(id, run)
  return run
}

function verdictOf({ failed, broken }: TestRun): Verdict {
  if (failed > 0) return 'killed'
  return broken ? 'broken' : 'survived'
}

function same(a: Check, b: Check): boolean {
  return a.id === b.id && a.file === b.file && a.line === b.line
}

function describe({ id, file, line, verdict, tests }: Row): string {
  const shown = verdict === 'killed' ? verdict : verdict.toUpperCase()
  return `${id.padEnd(4)} ${`${file}:${line}`.padEnd(48)} ${String(tests).padStart(3)} tests  ${shown}`
}

function print(rows: readonly Row[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ rows, missing }, null, 2)}\n`)
    return
  }
  const alive = rows.filter(({ verdict }) => verdict !== 'killed').length
  const lines = [...rows.map(describe), '', `${rows.length} checks deleted in turn, ${alive} survive`]
  if (missing.length > 0) lines.push(`no line in the source carries: ${missing.join(' ')}`)
  process.stdout.write(`${lines.join('\n')}\n`)
}
