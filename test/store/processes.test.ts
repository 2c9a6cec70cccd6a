import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openSqlite, ref } from '@tandem/store'

const folder = mkdtempSync(join(tmpdir(), 'tandem-processes-'))
afterAll(() => rmSync(folder, { recursive: true }))

const child = (script: string, ...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, 'children', script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

async function outputOf(process: ChildProcess): Promise<string> {
  let text = ''
  process.stdout!.on('data', (chunk) => (text += String(chunk)))
  const [code] = await once(process, 'close')
  expect(code).toBe(0)
  return text
}

test('two processes on one file, both new to it, lose no update and each create has one winner', async () => {
  const path = join(folder, 'race.db')
  const rounds = 100
  const racers = ['left', 'right'].map((name) => outputOf(child('racer.ts', path, name, String(rounds))))
  const won = (await Promise.all(racers)).map(Number)

  const store = openSqlite({ path })
  expect((await store.get(ref('counters', 'shared')))?.data).toEqual({ n: 2 * rounds })
  const races = await store.list<{ readonly winner: string }>('races', { limit: 1_000 })
  const winners = races.docs.map((doc) => doc.data.winner)
  expect(winners).toHaveLength(rounds)
  expect(['left', 'right'].map((name) => winners.filter((winner) => winner === name).length)).toEqual(won)
  await store.close()
})

test('a writer killed at any moment leaves what it committed, and nothing half', async () => {
  const path = join(folder, 'crash.db')
  let committed = 0
  for (const after of [1, 17, 40]) {
    rmSync(path, { force: true })
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    const writer = child('writer.ts', path)
    const closed = once(writer, 'close')
    for await (const line of createInterface({ input: writer.stdout! })) {
      committed = Number(line)
      if (committed === after) writer.kill('SIGKILL')
    }
    expect(await closed).toEqual([null, 'SIGKILL'])

    const store = openSqlite({ path })
    const [left, right] = await Promise.all(
      ['left', 'right'].map((id) => store.get(ref<{ readonly n: number }>('pair', id))),
    )
    expect(left!.data.n).toBe(right!.data.n)
    expect(left!.data.n).toBeGreaterThanOrEqual(committed)
    await store.close()
  }
})
