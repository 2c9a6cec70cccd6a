import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildTarget } from '../../infra/bundle/build.ts'
import { ROOT, TARGETS } from '../../infra/bundle/targets.ts'
import { freePort, startTestStack, type TestStack } from '../helpers/stack.ts'
import { median, progress, type Row } from './measure.ts'

const STARTS = 7
const READY_MS = 20_000

const FRAMEWORK = resolve(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js')

/** Where a function's process starts from, and what it is asked first. */
type Start = { readonly source: string; readonly path: string; readonly env: Readonly<Record<string, string>> }

/**
 * From the start of the process to its first answer, ours and that of a function of three lines, both under the Functions
 * Framework on this machine: what we add to what nobody can avoid.
 */
export async function coldStartRows(): Promise<Row[]> {
  progress('cold starts')
  const folder = mkdtempSync(join(tmpdir(), 'tandem-cold-'))
  const stack = await startTestStack()
  try {
    const [plain, ours] = [plainFunction(folder), await ourFunction(stack)]
    const times: { plain: number[]; ours: number[] } = { plain: [], ours: [] }
    for (let i = 0; i < STARTS; i++) {
      times.plain.push(await firstAnswerMs(plain))
      times.ours.push(await firstAnswerMs(ours))
    }
    const [base, value] = [median(times.plain), median(times.ours)]
    return [
      { name: 'cold_start_plain_framework_ms', value: base, unit: 'ms' },
      { name: 'cold_start_functions_ms', value, unit: 'ms' },
      { name: 'cold_start_ratio', value: value / base, unit: '×' },
    ]
  } finally {
    await stack.stop()
    rmSync(folder, { recursive: true })
  }
}

function plainFunction(folder: string): Start {
  writeFileSync(join(folder, 'package.json'), '{"main":"index.js","type":"commonjs"}')
  writeFileSync(join(folder, 'index.js'), 'exports.api = (_, res) => { res.status(401).json({ error: "no" }) }')
  return { source: folder, path: '/', env: {} }
}

/** As it is deployed: bundled. Asked by nobody: the request is routed, its token looked for, refused. */
async function ourFunction(stack: TestStack): Promise<Start> {
  const source = await buildTarget(TARGETS.find(({ name }) => name === 'functions')!, join(ROOT, 'dist'))
  const preload = pathToFileURL(join(source, 'preload.js')).href
  const { env } = stack.planOf('functions')
  return { source, path: '/api/v1/profiles', env: { ...env, NODE_OPTIONS: `--import=${preload}` } }
}

async function firstAnswerMs({ source, path, env }: Start): Promise<number> {
  const port = await freePort()
  const begun = performance.now()
  const child = spawn(process.execPath, [FRAMEWORK, '--source', source, '--target', 'api'], {
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env, PORT: String(port) },
    stdio: 'ignore',
  })
  try {
    while (!(await answers(`http://127.0.0.1:${port}${path}`))) {
      if (child.exitCode !== null || performance.now() - begun > READY_MS) throw new Error('the function did not start')
    }
    return performance.now() - begun
  } finally {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}

const POLL_MS = 2

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 401
  } catch {
    await new Promise((resume) => setTimeout(resume, POLL_MS))
    return false
  }
}
