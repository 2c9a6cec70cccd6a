import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'

export type ServiceSpec = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** beside PATH and HOME, all the child sees */
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  /** answers 200 once the service works */
  readonly healthUrl: string
}

export type RunningService = { readonly name: string; readonly pid: number; readonly stop: () => Promise<void> }

const READY_MS = 20_000
const POLL_MS = 50

/** A drain takes at most 8 s; whoever is still there then is told to go at once. */
const STOP_MS = 10_000

/** @throws {Error} with the last lines of its log, when the service ends or is not ready in time */
export async function startService(spec: ServiceSpec): Promise<RunningService> {
  const { name, command, args, env, logFile } = spec
  const log = createWriteStream(logFile, { flags: 'a' })
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command, args, { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message)
    })
    child.once('exit', (code, signal) => {
      resolve(`it ended with ${signal ?? `code ${code}`}`)
    })
  })
  const why = await Promise.race([ready(spec.healthUrl), ended])
  if (why !== undefined) {
    await stop(child)
    throw new Error(`${name} did not start: ${why}\n${await lastLines(logFile)}`)
  }
  return { name, pid: child.pid!, stop: async () => stop(child) }
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve()
    })
  })
  child.kill('SIGTERM')
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
