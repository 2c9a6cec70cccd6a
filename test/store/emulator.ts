import { createServer } from 'node:net'
import { missingForFirestore, type RunningFirestore, startFirestore } from '@tandem/local'

const { FIRESTORE_EMULATOR_HOST: given, CI } = process.env

/** Why there is no Firestore to test with, if there is none. Where it is not optional, that fails the tests. */
export const missingFirestore = given === undefined ? missingForFirestore() : undefined

/** Skips the tests of Firestore, aloud, on a machine without it. */
export function describeFirestore(name: string, body: () => void): void {
  if (missingFirestore === undefined) describe(name, body)
  else if (CI === undefined) describe.skip(`${name} (skipped: ${missingFirestore})`, body)
  else {
    test(name, () => {
      throw new Error(missingFirestore)
    })
  }
}

/** The emulator of FIRESTORE_EMULATOR_HOST, else one of our own. */
export async function emulatorForTests(logFile: string): Promise<RunningFirestore> {
  if (given !== undefined) return { host: given, stop: async () => {} }
  return startFirestore({ port: await freePort(), logFile })
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
