import { join } from 'node:path'

/** Before all tests: what they share. */
export default async function setup({ nonFlagArgs }) {
  // Services that tests start as processes strip and compile their sources once, not at every start.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compile')
  if (nonFlagArgs.length === 0) await startEmulator()
}

/** Java takes ten seconds of a core to start: once for a run of everything. Whoever runs some tests waits only if they need it. */
async function startEmulator() {
  const { missingForFirestore, startFirestore } = await import('@tandem/local')
  if (process.env.FIRESTORE_EMULATOR_HOST !== undefined || missingForFirestore() !== undefined) return
  const { freePort } = await import('./store/emulator.ts')
  const port = await freePort()
  process.env.TEST_FIRESTORE = `127.0.0.1:${port}`
  // Nobody waits for it here; whoever needs it does.
  globalThis.sharedEmulator = startFirestore({ port }).catch(() => undefined)
}
