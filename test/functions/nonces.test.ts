import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openSqlite } from '@tandem/store'
import { nonces } from '../../functions/src/ports/nonces.ts'

const account = { chainId: 31337, address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }
const START = 1_800_000_000_000
const MINUTE = 60_000

/** A ledger whose clock and chain the test turns. */
function ledgerAt(latest: number, pending = latest) {
  const world = { now: START, counts: { latest, pending } }
  const ledger = nonces(openSqlite({ path: ':memory:' }), () => world.now)
  const reserve = (sessionId: string, minutes = 10) =>
    ledger.reserve(account, { sessionId, until: world.now + minutes * MINUTE }, async () => world.counts)
  return { world, ledger, reserve }
}

test('gives out the next nonces one after the other', async () => {
  const { reserve } = ledgerAt(7)
  expect([await reserve('a'), await reserve('b'), await reserve('c')]).toEqual([7, 8, 9])
})

test('starts behind what already waits in the node', async () => {
  const { reserve } = ledgerAt(7, 9)
  expect(await reserve('a')).toBe(9)
})

test('fills the gap that an expired session leaves', async () => {
  const { world, reserve } = ledgerAt(0)
  await reserve('a', 1)
  await reserve('b', 10)
  world.now += MINUTE
  expect([await reserve('c'), await reserve('d')]).toEqual([0, 2])
})

test('fills the gap of a session that was freed, and of that one only', async () => {
  const { ledger, reserve } = ledgerAt(0)
  await reserve('a')
  await reserve('b')
  await ledger.free(account, 'a')
  await ledger.free(account, 'a')
  expect([await reserve('c'), await reserve('d')]).toEqual([0, 2])
})

test('does not give out a pinned nonce again, however late it is', async () => {
  const { world, ledger, reserve } = ledgerAt(0)
  await reserve('a', 1)
  await ledger.pin(account, 'a')
  world.now += 60 * MINUTE
  expect(await reserve('b')).toBe(1)
  await ledger.pin(account, 'a')
})

test('forgets what the chain has counted', async () => {
  const { world, ledger, reserve } = ledgerAt(0)
  await reserve('a')
  await ledger.pin(account, 'a')
  world.counts = { latest: 1, pending: 1 }
  world.now += 60 * MINUTE
  expect(await reserve('b')).toBe(1)
  expect(await ledger.overdue(account, 0)).toEqual([])
})

test('refuses to pin an expired session, whether its nonce is another’s by now or not', async () => {
  const { world, ledger, reserve } = ledgerAt(0)
  await reserve('a', 1)
  world.now += MINUTE
  await expect(ledger.pin(account, 'a')).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
  expect(await reserve('b')).toBe(0)
  await expect(ledger.pin(account, 'a')).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
})

test('names the pinned sessions that are long over', async () => {
  const { world, ledger, reserve } = ledgerAt(0)
  await reserve('pinned', 1)
  await reserve('only prepared', 1)
  await ledger.pin(account, 'pinned')
  world.now += 2 * MINUTE
  expect(await ledger.overdue(account, 2 * MINUTE)).toEqual([])
  expect(await ledger.overdue(account, MINUTE)).toMatchObject([{ sessionId: 'pinned', nonce: 0 }])
})

test('keeps the accounts of other chains and addresses apart, and knows an address in any case', async () => {
  const { ledger, reserve } = ledgerAt(3)
  await reserve('a')
  const session = { sessionId: 'b', until: START + MINUTE }
  const counts = async () => ({ latest: 3, pending: 3 })
  expect(await ledger.reserve({ ...account, chainId: 1 }, session, counts)).toBe(3)
  expect(await ledger.reserve({ ...account, address: account.address.toLowerCase() }, session, counts)).toBe(4)
})

test('bounds how many are open at once', async () => {
  const { reserve } = ledgerAt(0)
  for (let i = 0; i < 64; i++) await reserve(`s${i}`)
  await expect(reserve('one more')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 60 })
})

test('two processes that race for nonces get different ones, without a gap', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-nonces-'))
  const run = async (name: string) => {
    const args = [join(import.meta.dirname, 'children/reserve.ts'), join(directory, 'backend.sqlite'), name, '20']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    return JSON.parse(stdout) as number[]
  }
  const [a, b] = await Promise.all([run('a'), run('b')])
  const all = [...a, ...b].toSorted((x, y) => x - y)
  expect(all).toEqual(Array.from({ length: 40 }, (_, i) => 5 + i))
  rmSync(directory, { recursive: true })
})
