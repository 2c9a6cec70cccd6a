import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What the tests of one id said. */
export type TestRun = {
  /** tests whose title starts with the id */
  readonly ran: number
  readonly failed: number
  /** a file could not be loaded at all: the line cannot be deleted on its own */
  readonly broken: boolean
  readonly timedOut: boolean
}

/** A mutant that makes a test wait for ever is dead too, but later. */
const TIMEOUT_MS = 120_000
const REPORT = '.mutants-report.json'

type JestReport = {
  readonly numRuntimeErrorTestSuites: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

/** Runs the tests of these files whose title starts with `id` (other ids may stand before it). */
export async function runTests(root: string, files: readonly string[], id: string): Promise<TestRun> {
  if (files.length === 0) return { ran: 0, failed: 0, broken: false, timedOut: false }
  const report = join(root, REPORT)
  rmSync(report, { force: true })
  const finished = await jest(root, [
    ...['--runInBand', '--ci', '--silent', '--json', `--outputFile=${report}`],
    ...['--testNamePattern', `(^| )${id} `, '--runTestsByPath', ...files],
  ])
  if (!finished) return { ran: 1, failed: 1, broken: false, timedOut: true }

  const { numRuntimeErrorTestSuites, testResults } = JSON.parse(readFileSync(report, 'utf8')) as JestReport
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const ours = tests.filter(({ title, status }) => status !== 'pending' && idsOf(title).includes(id))
  const failed = ours.filter(({ status }) => status === 'failed').length
  return { ran: ours.length, failed, broken: numRuntimeErrorTestSuites > 0, timedOut: false }
}

/** The ids a title starts with. */
function idsOf(title: string): string[] {
  const words = title.split(' ')
  const end = words.findIndex((word) => !/^[A-Z]\d+$/.test(word))
  return end < 0 ? words : words.slice(0, end)
}

/** False if it had to be stopped. */
function jest(root: string, args: readonly string[]): Promise<boolean> {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, join('node_modules', 'jest', 'bin', 'jest.js'), ...args], {
    cwd: root,
    stdio: 'ignore',
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    child.once('error', reject)
    child.once('exit', (_code, signal) => {
      clearTimeout(timer)
      resolve(signal === null)
    })
  })
}
