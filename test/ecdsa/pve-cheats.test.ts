import { PVE_ROWS, pveDecrypt, pveVerify, q } from '@tandem/ecdsa'
import { challengeOf, type HashedRow, openRun, type PveRun } from '../../shared/ecdsa/src/backup/pve-row.ts'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { goldenBackup } from '../helpers/golden-backup.ts'
import { BE, range } from '../helpers/reference/hash.ts'
import { bitAt, challenge, emptyRow, honestRows, proofOf, rowOf } from '../helpers/reference/pve.ts'
import { seeded } from '../helpers/rng.ts'

// A party that must back its share up, and would rather not.

const { statement, dk, secret } = goldenBackup()
const x = BE(secret)
const honestOnes = honestRows(statement, x, seeded('cheats'))

const verify = (bytes: Uint8Array) => atOnce(pveVerify(fast, statement, bytes))
const open = (bytes: Uint8Array) => pveDecrypt(fast, dk, statement, bytes)
const flip = (bytes: Uint8Array, place: number) => bytes.with(place, bytes[place]! ^ 1)

describe('the challenge', () => {
  const run = openRun(fast, statement)!
  const rows = honestOnes.slice(0, 4).map(({ Y, c }): HashedRow => ({ Y, encrypted: c }))
  const first = challengeOf(run, rows)
  const changedRow = (change: (row: HashedRow) => HashedRow) => challengeOf(run, rows.with(2, change(rows[2]!)))

  test('L7 depends on everything it is about (#32)', () => {
    const runs: Partial<PveRun>[] = [
      { label: flip(run.label, 0) },
      { ek: flip(run.ek, 5) },
      { publicShare: flip(run.publicShare, 5) },
    ]
    const changed = [
      ...runs.map((change) => challengeOf({ ...run, ...change }, rows)),
      changedRow(({ Y, encrypted }) => ({ Y: flip(Y, 0), encrypted })),
      changedRow(({ Y, encrypted: [a, b] }) => ({ Y, encrypted: [flip(a, 0), b] })),
      changedRow(({ Y, encrypted: [a, b] }) => ({ Y, encrypted: [a, flip(b, 64)] })),
      challengeOf(run, rows.toReversed()),
      challengeOf(run, rows.slice(1)),
    ]
    expect(new Set([first, ...changed].map((e) => e.join())).size).toBe(changed.length + 1)
  })
})

describe('a prover that hides nothing in some rows', () => {
  const ROWS = 3
  const guess = (n: number) => range(ROWS).map((i) => ((n >>> i) & 1) as 0 | 1)
  const attempt = (n: number) => {
    const rng = seeded(`cheat ${n}`)
    const empty = guess(n).map((open, i) => emptyRow(statement, i, open, rng))
    const rows = [...empty, ...honestOnes.slice(ROWS)]
    return { rows, e: challenge(statement, rows), guess: guess(n) }
  }

  test('L7 passes exactly if it guessed what would be opened: one in 2^k, and no other way', () => {
    const results = range(48).map((n) => {
      const { rows, e, guess } = attempt(n)
      const passes = verify(proofOf(statement, rows))
      expect(passes).toBe(guess.every((bit, i) => bitAt(e, i) === bit))
      return passes
    })
    const passed = results.filter(Boolean).length
    expect(passed).toBeGreaterThan(0)
    expect(passed).toBeLessThan(48 / 2 ** ROWS + 8)
  })

  test('L7 and even then the owner opens the share, from a row that is not empty', () => {
    const { rows } = range(64)
      .map(attempt)
      .find(({ e, guess }) => guess.every((bit, i) => bitAt(e, i) === bit))!
    const bytes = proofOf(statement, rows)
    expect(verify(bytes)).toBe(true)
    expect(open(bytes)).toEqual(secret)
  })

  test('L7 in all rows never passes, not with the challenge of its choice either', () => {
    const e = seeded('wanted')(16)
    const rows = range(PVE_ROWS).map((i) => emptyRow(statement, i, bitAt(e, i), seeded(`row ${i}`)))
    expect(verify(proofOf(statement, rows))).toBe(false)
    expect(verify(proofOf(statement, rows, e))).toBe(false)
    expect(open(proofOf(statement, rows, e))).toBeUndefined()
  })
})

test('L13 a scalar of q or more that was hashed and encrypted as it is', () => {
  const attempts = range(40).map((n) => {
    const rng = seeded(`second form ${n}`)
    return honestOnes.with(0, rowOf(statement, 0, [q + 5n, (x - 5n + q) % q], [rng(32), rng(32)]))
  })
  const opened = attempts.filter((rows) => bitAt(challenge(statement, rows), 0) === 0)
  expect(opened.length).toBeGreaterThan(5)
  expect(verify(proofOf(statement, opened[0]!))).toBe(false)
})
