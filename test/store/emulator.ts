import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { missingForFirestore, type RunningFirestore, startFirestore } from '@tandem/local'

const { FIRESTORE_EMULATOR_HOST: given, TEST_FIRESTORE: shared, CI } = process.env

const READY_MS = 60_000
const POLL_MS = 200

/** Why there is no Firestore to test with, if there is none. In CI that fails the tests. */
const missingFirestore = given === undefined ? missingForFirestore() : undefined

/** Skips tests, aloud, on a machine without Firestore. */
export function describeFirestore(name: string, body: () => void): void {
  if (missingFirestore === undefined) describe(name, body)
  else if (CI === undefined) {
    // Jest itself is silent about a file that is skipped as a whole
    process.stderr.write(`Skipped: ${name}. ${missingFirestore}\n`)
    describe.skip(name, body)
  } else {
    test(name, () => {
      throw new Error(missingFirestore)
    })
  }
}

/** Whether the tests start one themselves. */
export const ownEmulator = given === undefined

/** The emulator of FIRESTORE_EMULATOR_HOST, that of this run of all tests, or one of our own. */
export async function emulatorForTests(logFile: string): Promise<RunningFirestore> {
  const host = await knownEmulator()
  if (host !== undefined) return { host, stop: async () => {} }
  return startFirestore({ port: await freePort(), logFile })
}

/** host:port of an emulator that runs already, or is about to: it answers when this resolves. */
export async function knownEmulator(): Promise<string | undefined> {
  const host = given ?? shared
  if (host === undefined) return undefined
  for (let left = READY_MS / POLL_MS; left > 0; left--, await sleep(POLL_MS)) {
    const answer = await fetch(`http://${host}/`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
    if (answer?.ok) return host
  }
  throw new Error(`Firestore’s emulator at ${host} does not answer`)
}

let projects = 0

/** No two tests share one. */
export const freshProject = () => `demo-${process.pid}-${Date.now()}-${projects++}`

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
