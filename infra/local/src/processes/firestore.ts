import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onPath } from './on-path.ts'
import { portOf, requireFreePort } from './ports.ts'

/** Firestore's emulator, which answers. It keeps everything in memory. */
export type RunningFirestore = {
  /** host:port, for `emulatorHost` or FIRESTORE_EMULATOR_HOST */
  readonly host: string
  readonly stop: () => Promise<void>
}

/** Java alone takes 3 s to start, on a busy machine ten times that. */
const READY_MS = 60_000
const STOP_MS = 5_000

/**
 * `$@` runs as leader of a process group, with Java below it. Whoever started us holds the pipe that is our standard
 * input: when it closes, however that process ended, the whole group goes.
 */
const UNTIL_INPUT_ENDS = 'exec 3<&0; (cat <&3 >/dev/null; kill -KILL -$$) 3<&3 & exec "$@" 3<&- </dev/null'

/** What the emulator needs and this machine lacks, as a sentence; undefined if nothing. */
export function missingForFirestore(): string | undefined {
  if (process.platform === 'win32')
    return 'Firestore’s emulator is not started on Windows: give FIRESTORE_EMULATOR_HOST.'
  const missing = ['gcloud', 'java'].filter((name) => onPath(name) === undefined).map((name) => `${name} on the PATH`)
  if (lacksEmulator(onPath('gcloud'))) missing.push('the component cloud-firestore-emulator of gcloud')
  if (missing.length === 0) return undefined
  return [
    `Firestore’s emulator needs ${missing.join(' and ')}:`,
    'install the Google Cloud CLI (https://cloud.google.com/sdk/docs/install) and Java 21,',
    'then `gcloud components install cloud-firestore-emulator`',
    '(with apt: `apt-get install google-cloud-cli-firestore-emulator`);',
    'or give a running one: FIRESTORE_EMULATOR_HOST=127.0.0.1:8085.',
  ].join(' ')
}

/** An installation of gcloud keeps its components beside it; where it looks otherwise, gcloud itself has to say. */
function lacksEmulator(gcloud: string | undefined): boolean {
  if (gcloud === undefined) return false
  const root = dirname(dirname(realpathSync(gcloud)))
  return existsSync(join(root, 'lib/gcloud.py')) && !existsSync(join(root, 'platform/cloud-firestore-emulator'))
}

/**
 * Starts the Google Cloud CLI's emulator on loopback. It ends with `stop`, and with this process.
 *
 * @param options.logFile where its output goes; nowhere without it
 * @throws {Error} that says what to do, if something is missing, the port is taken, or it does not answer
 */
export async function startFirestore(options: {
  readonly port: number
  readonly logFile?: string
}): Promise<RunningFirestore> {
  const missing = missingForFirestore()
  if (missing !== undefined) throw new Error(missing)
  await requireFreePort(portOf('Firestore’s emulator', options.port, 'firestore-port', 'FIRESTORE_PORT'))

  const host = `127.0.0.1:${options.port}`
  const child = spawnEmulator(host, options.logFile)
  const stop = async () => end(child, host)
  try {
    await untilReady(child, host)
    return { host, stop }
  } catch (cause) {
    await stop()
    const where = options.logFile === undefined ? '' : `; see ${options.logFile}`
    throw new Error(`Firestore’s emulator did not start${where}`, { cause })
  }
}

/** The Google Cloud CLI talks to nobody but the emulator. */
const QUIET = {
  CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
  CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
  CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: 'true',
}

function spawnEmulator(host: string, logFile: string | undefined): ChildProcess {
  const output = logFile === undefined ? 'ignore' : openSync(logFile, 'a', 0o600)
  const emulator = ['gcloud', 'emulators', 'firestore', 'start', `--host-port=${host}`]
  const child = spawn('sh', ['-c', UNTIL_INPUT_ENDS, 'sh', ...emulator], {
    stdio: ['pipe', output, output],
    detached: true,
    env: { ...process.env, ...QUIET },
  })
  if (output !== 'ignore') closeSync(output)
  return child
}

async function untilReady(child: ChildProcess, host: string): Promise<void> {
  for (const deadline = performance.now() + READY_MS; performance.now() < deadline; await sleep(100)) {
    if (hasEnded(child)) throw new Error(`it ended at once (${child.signalCode ?? `code ${child.exitCode}`})`)
    const answer = await fetch(`http://${host}/`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
    if (answer?.ok) return
  }
  throw new Error(`it did not answer within ${READY_MS / 1_000} s`)
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** Asks it to go, and closes the pipe, which takes along whatever is left. */
async function end(child: ChildProcess, host: string): Promise<void> {
  const exited = hasEnded(child) ? undefined : once(child, 'exit')
  if (exited !== undefined) {
    await fetch(`http://${host}/shutdown`, { method: 'POST', signal: AbortSignal.timeout(STOP_MS) }).catch(() => {})
    await Promise.race([exited, sleep(STOP_MS, undefined, { ref: false })])
  }
  child.stdin?.end()
  await exited
}
