import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Moment } from './children/mortal.ts'
import type { FromSigpair, ToSigpair } from './children/mortal-sigpair.ts'

/** A process that can be told to die, and started again on the same ports and databases. */
export type Mortal = {
  readonly arm: (diesAt: Moment) => Promise<void>
  readonly moments: () => Promise<readonly string[]>
  /** If it dies from here on, it is started again at once. */
  readonly nextDeath: () => Death
  readonly close: () => Promise<void>
}

export type Death = {
  readonly happened: Promise<void>
  /** Ends the watch. Whether it died; then it is back. */
  readonly over: () => Promise<boolean>
}

const ENTRY = join(import.meta.dirname, 'children/mortal-sigpair.ts')

/** A Sigpair, a member or a gateway, as `SIGPAIR_MODE` says. */
export async function startMortal(env: Readonly<Record<string, string>>): Promise<Mortal> {
  let child = await start(env)
  return {
    arm: async (diesAt) => void (await ask(child, { arm: diesAt })),
    moments: async () => {
      const said = await ask(child, 'report')
      return 'moments' in said ? said.moments : []
    },
    nextDeath: () => {
      let watched = true
      let back: Promise<void> | undefined
      const happened = once(child, 'exit').then(() => {
        if (watched) back = start(env).then((next) => void (child = next))
      })
      const over = async () => {
        if (!isAlive(child)) await happened
        watched = false
        await back
        return back !== undefined
      }
      return { happened, over }
    },
    close: async () => {
      if (!isAlive(child)) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const isAlive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

/** Sources are compiled once for all the processes that die. */
const COMPILED = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '' }

async function start(env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const child = fork(ENTRY, {
    env: { ...COMPILED, ...env },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(([code]) => Promise.reject(new Error(`Sigpair did not start: ${code}`)))
  await Promise.race([once(child, 'message'), gone])
  gone.catch(() => undefined)
  return child
}

async function ask(child: ChildProcess, message: ToSigpair): Promise<FromSigpair> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(10_000) })
  child.send(message)
  return ((await answer) as [FromSigpair])[0]
}
