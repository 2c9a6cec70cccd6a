import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningFirestore } from '@tandem/local'
import { openFirestore } from '@tandem/store'
import { contract } from './contract.ts'
import { describeFirestore, emulatorForTests, freshProject } from './emulator.ts'

const START_MS = 90_000

/** The emulator has its own idea of speed. */
const CALL_MS = 20_000

describeFirestore('on the emulator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-firestore-'))
  let emulator: RunningFirestore
  beforeAll(async () => {
    emulator = await emulatorForTests(join(folder, 'emulator.log'))
  }, START_MS)
  afterAll(async () => {
    await emulator.stop()
    rmSync(folder, { recursive: true })
  })

  contract('Firestore', {
    maxAttempts: 30,
    open: async () => {
      let now = 0
      const options = { projectId: freshProject(), emulatorHost: emulator.host, clock: () => now, callMs: CALL_MS }
      return { store: await openFirestore(options), setTime: (ms) => void (now = ms) }
    },
  })
})
