import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TandemOptions } from '@tandem/client'
import type { HostError, ToDevice, ToHost } from '../../shared/client/src/jsc/messages.ts'
import type { Method } from '../../shared/client/src/jsc/methods.ts'
import { pack, unpack } from '../../shared/client/src/jsc/parcel.ts'

/** Where systems put the shell of JavaScriptCore, if not on the PATH. */
const PLACES = [
  '/usr/lib/*/webkit*gtk-*/jsc',
  '/System/Library/Frameworks/JavaScriptCore.framework/Versions/Current/Helpers/jsc',
]

/** The command, or undefined: `apt install libjavascriptcoregtk-4.0-bin` (or -4.1-bin). An old one lacks what the tests speak in. */
export const JSC = ['jsc', ...globSync(PLACES)].find(
  (command) => spawnSync(command, ['-e', 'if (!Uint8Array.fromBase64) throw 1']).status === 0,
)

export type JscOptions = {
  /** tandem-device.js */
  readonly bundle: string
  /** as on iOS: false */
  readonly jit: boolean
  readonly settings: Pick<TandemOptions, 'baseUrl' | 'pin' | 'stock'>
  readonly token: () => Promise<string>
  /** outlives the process, as a Keychain does */
  readonly vault: Map<string, Uint8Array>
  readonly seal?: (content: Uint8Array) => Uint8Array
  readonly save?: (backups: unknown) => void
}

/** The SDK in a JavaScriptCore of its own. */
export type JscDevice = {
  readonly call: <T>(method: Method, given?: Readonly<Record<string, unknown>>) => Promise<T>
  /** processor time of the engine's process so far, on a Linux: a busy machine does not make it longer */
  readonly cpuMs: () => number
  /** whether the language's global scope has this name */
  readonly has: (name: string) => Promise<boolean>
  /** at once, as a system ends an app */
  readonly kill: () => Promise<void>
}

/** What the SDK threw. */
export class JscError extends Error {
  override readonly name = 'JscError'
  readonly error: HostError

  constructor(error: HostError) {
    super(`${error.code}: ${error.message}`)
    this.error = error
  }
}

/**
 * As an app does it: an engine without JIT on a busy machine may miss the twelve seconds of a round, as a phone may, and the same
 * call then succeeds later.
 */
export async function repeated<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof JscError) || !error.error.retryable || attempt === 3) throw error
    }
  }
}

type Line = { readonly name: string; readonly text: string; readonly bytes: readonly string[] }
type Handlers = { readonly [Name in keyof ToHost]: (message: ToHost[Name]) => void }
type Say = <Name extends keyof ToDevice>(name: Name, message: ToDevice[Name]) => void

export function startJsc(options: JscOptions): JscDevice {
  const { child, write } = spawnJsc(options)
  const say: Say = (name, message) => {
    const { text, bytes } = pack(message)
    write(name, text, bytes)
  }
  const calls = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  const questions: ((found: boolean) => void)[] = []
  const { close, handlers: lent } = lend(options, say)
  const handlers: Handlers = {
    ...lent,
    progress: () => undefined,
    returned: ({ call, value }) => calls.get(call)?.resolve(value as never),
    threw: ({ call, error }) => calls.get(call)?.reject(new JscError(error)),
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { name, text, bytes } = JSON.parse(line) as Line
    if (name === 'random') return write('random', '', [randomBytes(Number(text))])
    if (name === 'has') return questions.shift()?.(text === 'true')
    const message = unpack({ text, bytes: bytes.map((b) => new Uint8Array(Buffer.from(b, 'base64'))) })
    handlers[name as keyof ToHost](message as never)
  })
  child.on('exit', () => {
    for (const { reject } of calls.values()) reject(new Error('jsc has ended'))
  })
  return {
    cpuMs: () => cpuMsOf(child.pid),
    call: async (method, given = {}) =>
      new Promise<never>((resolve, reject) => {
        const call = calls.size + 1
        calls.set(call, { resolve, reject })
        say('call', { call, method, given })
      }),
    has: async (name) =>
      new Promise((resolve) => {
        questions.push(resolve)
        write('has', name)
      }),
    kill: async () => {
      close()
      await end(child)
    },
  }
}

/** The shell, and how it is written to; the first line has its settings. */
function spawnJsc({ bundle, jit, settings }: JscOptions) {
  const child = spawn(JSC ?? 'jsc', [join(import.meta.dirname, '../ios/bare-host.js'), '--', bundle], {
    env: { ...process.env, JSC_useJIT: jit ? '1' : '0' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  hurry(child.pid)
  const write = (name: string, text: string, bytes: readonly Uint8Array[] = []) => {
    const line = { name, text, bytes: bytes.map((b) => Buffer.from(b).toString('base64')) }
    if (child.stdin.writable) child.stdin.write(`${JSON.stringify(line)}\n`)
  }
  write('settings', JSON.stringify(settings))
  return { child, write }
}

/** Timers, sockets, HTTP and a vault, for as long as the device lives. */
function lend({ token, vault, seal, save }: JscOptions, say: Say) {
  const timers = new Map<number, NodeJS.Timeout>()
  const sockets = new Map<number, WebSocket>()
  const requests = new Map<number, AbortController>()
  const answer = (request: number, act: () => unknown) => {
    void (async () => say('answer', { request, value: await act() }))().catch((error: unknown) =>
      say('refuse', { request, reason: String(error) }),
    )
  }
  const notHere = () => {
    throw new Error('App Attest is not supported here')
  }
  const handlers: Omit<Handlers, 'progress' | 'returned' | 'threw'> = {
    startTimer: ({ timer, ms }) =>
      timers.set(
        timer,
        setTimeout(() => say('timerFired', { timer }), ms),
      ),
    cancelTimer: ({ timer }) => clearTimeout(timers.get(timer)),
    openSocket: ({ socket, url, subprotocols }) => sockets.set(socket, openSocket(socket, url, subprotocols, say)),
    sendSocket: ({ socket, bytes }) => sockets.get(socket)?.send(bytes),
    closeSocket: ({ socket, code }) => sockets.get(socket)?.close(code),
    sendRequest: ({ request, method, url, headers, body }) => {
      const abort = new AbortController()
      requests.set(request, abort)
      answer(request, async () => {
        const reply = await fetch(url, { method, headers, body, signal: abort.signal })
        return { status: reply.status, text: await reply.text() }
      })
    },
    cancelRequest: ({ request }) => requests.get(request)?.abort(),
    vaultGet: ({ request, name }) => answer(request, () => vault.get(name) ?? null),
    vaultPut: ({ request, name, value }) => answer(request, () => void vault.set(name, value)),
    vaultDelete: ({ request, name }) => answer(request, () => void vault.delete(name)),
    vaultList: ({ request, prefix }) => answer(request, () => [...vault.keys()].filter((n) => n.startsWith(prefix))),
    token: ({ request }) => answer(request, token),
    sealShare: ({ request, content }) => answer(request, () => seal!(content)),
    saveBackups: ({ request, backups }) => answer(request, () => save!(backups)),
    approveBatch: ({ request }) => answer(request, () => false),
    attestKey: ({ request }) => answer(request, notHere),
    assertKey: ({ request }) => answer(request, notHere),
  }
  const close = () => {
    for (const timer of timers.values()) clearTimeout(timer)
    for (const socket of sockets.values()) socket.close()
    for (const request of requests.values()) request.abort()
  }
  return { handlers, close }
}

function openSocket(socket: number, url: string, subprotocols: readonly string[], say: Say): WebSocket {
  const opened = new WebSocket(url, [...subprotocols])
  opened.binaryType = 'arraybuffer'
  opened.onopen = () => say('socketOpened', { socket, subprotocol: opened.protocol })
  opened.onmessage = ({ data }) => say('socketMessage', { socket, bytes: new Uint8Array(data as ArrayBuffer) })
  opened.onclose = ({ code, reason }) => say('socketClosed', { socket, code, reason })
  opened.onerror = () => say('socketFailed', { socket })
  return opened
}

/** proc(5): the name of the command ends in the last bracket; utime and stime are fields 14 and 15, in hundredths of a second. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return Number.NaN
  }
}

/** Before other processes, where the system lets us: a round has its twelve seconds however busy the machine is with other tests. */
function hurry(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_HIGH)
  } catch {
    // not root: as fast as it comes
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
