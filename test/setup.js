import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

/** Before all tests: what they share. */
export default async function setup({ nonFlagArgs }) {
  // Services that tests start as processes strip and compile their sources once, not at every start.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compile')
  useMemory()
  if (nonFlagArgs.length === 0) await startEmulator()
}

const MEMORY = '/dev/shm'

/** Far above what all tests together leave lying at once; a container may have only 64 MB there. */
const ROOM_BYTES = 2 ** 30

/** Databases wait for the disk at every commit, and no test is about disks: temporary folders lie in memory, where there is enough. */
function useMemory() {
  if (process.env.TMPDIR !== undefined || !existsSync(MEMORY)) return
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize < ROOM_BYTES) return
  const folder = mkdtempSync(join(MEMORY, 'tandem-test-'))
  process.env.TMPDIR = folder
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
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
