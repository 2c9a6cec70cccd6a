import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openStore, ref, type StoreConfig } from '@tandem/store'

export const child = (script: string, ...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, 'children', script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, METADATA_SERVER_DETECTION: 'none' },
  })

async function outputOf(process: ChildProcess): Promise<string> {
  let text = ''
  process.stdout!.on('data', (chunk) => (text += String(chunk)))
  const [code] = await once(process, 'close')
  expect(code).toBe(0)
  return text
}

/** Two processes on one store, both new to it: no update is lost, and each create has one winner. */
export async function race(config: StoreConfig, rounds: number): Promise<void> {
  const racers = ['left', 'right'].map((name) =>
    outputOf(child('racer.ts', JSON.stringify(config), name, String(rounds))),
  )
  const won = (await Promise.all(racers)).map(Number)

  const store = await openStore(config)
  expect((await store.get(ref('counters', 'shared')))?.data).toEqual({ n: 2 * rounds })
  const races = await store.list<{ readonly winner: string }>('races', { limit: 1_000 })
  const winners = races.docs.map((doc) => doc.data.winner)
  expect(winners).toHaveLength(rounds)
  expect(['left', 'right'].map((name) => winners.filter((winner) => winner === name).length)).toEqual(won)
  await store.close()
}

/** A writer that is killed after so many commits has left what it committed, and nothing half. */
export async function killWriter(config: StoreConfig, after: number): Promise<void> {
  let committed = 0
  const writer = child('writer.ts', JSON.stringify(config))
  const closed = once(writer, 'close')
  for await (const line of createInterface({ input: writer.stdout! })) {
    committed = Number(line)
    if (committed === after) writer.kill('SIGKILL')
  }
  expect(await closed).toEqual([null, 'SIGKILL'])

  const store = await openStore(config)
  const halves = ['left', 'right'].map((id) => store.get(ref<{ readonly n: number }>('pair', id)))
  const [left, right] = await Promise.all(halves)
  expect(left!.data.n).toBe(right!.data.n)
  expect(left!.data.n).toBeGreaterThanOrEqual(committed)
  await store.close()
}
