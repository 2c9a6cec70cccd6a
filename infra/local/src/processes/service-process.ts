import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export type ServiceSpec = {
  readonly name: string
  readonly args: readonly string[]
  /** beside PATH and HOME, all the process sees */
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  /** answers 200 once the service works */
  readonly healthUrl: string
}

/** A service as a process of its own, to be started as often as it ends, always with the same environment. */
export type Service = {
  readonly name: string
  /** of the last process that was started */
  readonly pid: () => number
  /** how the last process ended, `code 0` or a signal; undefined while it runs */
  readonly ended: () => string | undefined
  /** @throws {Error} with the last lines of its log, when it ends or is not ready in time */
  readonly start: () => Promise<void>
  /** SIGKILL: no farewell */
  readonly kill: () => Promise<void>
  /** SIGTERM: what is running may end */
  readonly stop: () => Promise<void>
}

/** Sources are stripped of their types and compiled once, not at every start. */
const COMPILE_CACHE = join(import.meta.dirname, '../../../../node_modules/.cache/compile')

/** A second or two; on a busy machine twenty times that. */
const READY_MS = 60_000
const POLL_MS = 50

/** A drain takes at most 8 s; whoever is still there then is told to go at once. */
const STOP_MS = 10_000

export function serviceOf(spec: ServiceSpec): Service {
  let child: ChildProcess | undefined
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child !== undefined) await endProcess(child, signal)
  }
  return {
    name: spec.name,
    pid: () => child?.pid ?? 0,
    ended: () => (child === undefined ? undefined : endOf(child)),
    start: async () => {
      if (child !== undefined && endOf(child) === undefined) throw new Error(`${spec.name} runs already`)
      child = spawnService(spec)
      await untilReady(spec, child)
    },
    kill: async () => end('SIGKILL'),
    stop: async () => end('SIGTERM'),
  }
}

function endOf({ signalCode, exitCode }: ChildProcess): string | undefined {
  if (signalCode !== null) return signalCode
  return exitCode === null ? undefined : `code ${exitCode}`
}

function spawnService({ args, env, logFile }: ServiceSpec): ChildProcess {
  const log = createWriteStream(logFile, { flags: 'a' })
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = COMPILE_CACHE } = process.env
  const all = { PATH, HOME, NODE_COMPILE_CACHE, ...env }
  const child = spawn(process.execPath, args, { env: all, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  return child
}

async function untilReady({ name, healthUrl, logFile }: ServiceSpec, child: ChildProcess): Promise<void> {
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message)
    })
    child.once('exit', (code, signal) => {
      resolve(`it ended with ${signal ?? `code ${code}`}`)
    })
  })
  const why = await Promise.race([ready(healthUrl), ended])
  if (why === undefined) return
  await endProcess(child, 'SIGTERM')
  throw new Error(`${name} did not start: ${why}\n${await lastLines(logFile)}`)
}

async function ready(url: string): Promise<string | undefined> {
  for (const deadline = performance.now() + READY_MS; performance.now() < deadline; ) {
    const ok = await fetch(url, { signal: AbortSignal.timeout(1000) }).then(
      (answer) => answer.ok,
      () => false,
    )
    if (ok) return undefined
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return `${url} did not answer within ${READY_MS / 1000} s`
}

async function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve()
    })
  })
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(timer)
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .trimEnd()
    .split('\n')
    .slice(-12)
    .map((line) => `    ${line}`)
    .join('\n')
}
