import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killWriter, race } from './processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'tandem-processes-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string) => ({ kind: 'sqlite', path: join(folder, name) }) as const

test('two processes on one file, both new to it, lose no update and each create has one winner', async () => {
  await race(file('race.db'), 100)
})

test.each([1, 17, 40])('a writer killed after %i commits leaves what it committed, and nothing half', async (after) => {
  await killWriter(file(`crash-${after}.db`), after)
})
