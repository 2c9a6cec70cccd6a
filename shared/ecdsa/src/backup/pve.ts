import { pause, type Protocol, type Rng, UsageError } from '@tandem/rounds'
import type { BackupStatement } from './backup.ts'
import type { Backend, Point } from '../math/backend.ts'
import { equalBytes } from '../math/bytes.ts'
import { decodeScalar, fromBytesBE, mod, randomScalar, toBytes32 } from '../math/scalar.ts'
import {
  type Bit,
  bitOf,
  challengeOf,
  decodeProof,
  decryptHalf,
  encodeProof,
  encryptHalf,
  type HashedRow,
  type OpenHalf,
  openRun,
  PVE_BYTES,
  PVE_ROWS,
  type PveRun,
} from './pve-row.ts'

// Publicly verifiable encryption of a share: who knows its public point can check, without opening it, that a ciphertext
// holds the share. Each of 128 rows splits it in two, encrypts both halves and opens the one a hash picks.
// Source: docs/spec/backup.md, section 1.

/** The event loop gets a turn after this many rows, 20 ms of work at worst. */
const ROWS_PER_PAUSE = 8

/**
 * @param secret the share, 32 bytes
 * @returns 16 528 bytes
 * @throws {UsageError} unless `secret` is the share the statement names and ek is a point
 */
export function* pveEncrypt(
  backend: Backend,
  statement: BackupStatement,
  secret: Uint8Array,
  rng: Rng,
): Protocol<Uint8Array> {
  const run = openRun(backend, statement)
  if (run === undefined) throw new UsageError('not a public share and an encryption key')
  const x = decodeScalar(secret)
  if (!x || !backend.equal(backend.mulBase(x), run.X)) throw new UsageError('not the share of the statement')
  const timesEk = backend.fixed(run.EK)
  const rows: ProverRow[] = []
  try {
    for (let i = 0; i < PVE_ROWS; i++) {
      if (i % ROWS_PER_PAUSE === 0) yield* pause()
      rows.push(proveRow(run, i, splitShare(x, rng), timesEk))
    }
    const e = challengeOf(run, rows)
    const opened = rows.map(({ halves, encrypted }, i) => {
      const b = bitOf(e, i)
      return { ...halves[b], closed: encrypted[other(b)] }
    })
    return encodeProof(e, opened)
  } finally {
    for (const half of rows.flatMap(({ halves }) => halves)) for (const part of [half.x, half.kappa]) part.fill(0)
  }
}

type ProverRow = HashedRow & { readonly halves: Halves }
type Halves = readonly [OpenHalf, OpenHalf]

/** 1.2 */
function splitShare(x: bigint, rng: Rng): Halves {
  const x0 = randomScalar(rng)
  return [
    { x: toBytes32(x0), kappa: rng(32) },
    { x: toBytes32(mod(x - x0)), kappa: rng(32) },
  ]
}

function proveRow(run: PveRun, i: number, halves: Halves, timesEk: (t: bigint) => Point): ProverRow {
  const { backend } = run
  const encrypted = [
    encryptHalf(run, [i, 0], halves[0], timesEk),
    encryptHalf(run, [i, 1], halves[1], timesEk),
  ] as const
  return { Y: backend.encode(backend.mulBase(fromBytesBE(halves[0].x))), encrypted, halves }
}

/** Whether `bytes`, opened with the private half of ek, gives the share of the statement. False for anything malformed. */
export function* pveVerify(backend: Backend, statement: BackupStatement, bytes: Uint8Array): Protocol<boolean> {
  if (bytes.length !== PVE_BYTES) return false // check L7
  const run = openRun(backend, statement)
  if (run === undefined) return false // check L13
  const { e, rows } = decodeProof(bytes)
  const timesEk = backend.fixed(run.EK)
  const hashed: HashedRow[] = []
  for (const [i, row] of rows.entries()) {
    if (i % ROWS_PER_PAUSE === 0) yield* pause()
    const b = bitOf(e, i)
    const x = decodeScalar(row.x)
    if (x === undefined) return false // check L13
    const Y = firstHalfPoint(run, b, backend.mulBase(x))
    if (backend.isIdentity(Y)) return false // check L7
    const again = encryptHalf(run, [i, b], row, timesEk)
    hashed.push({ Y: backend.encode(Y), encrypted: b === 0 ? [again, row.closed] : [row.closed, again] })
  }
  if (!equalBytes(e, challengeOf(run, hashed))) return false // check L7
  return true
}

/** Y_i from the half that is open: x_{i,0}·G, or X − x_{i,1}·G. */
function firstHalfPoint({ backend, X }: PveRun, b: Bit, xG: Point): Point {
  return b === 0 ? xG : backend.add(X, backend.negate(xG))
}

/**
 * The share, from the first row that gives it; a ciphertext that verifies has one.
 *
 * @param dk the private half of the encryption key, 32 bytes
 * @returns 32 bytes, or undefined if no row gives the share of the statement
 * @throws {UsageError} unless dk is a scalar other than zero
 */
export function pveDecrypt(
  backend: Backend,
  dk: Uint8Array,
  statement: Omit<BackupStatement, 'ek'>,
  bytes: Uint8Array,
): Uint8Array | undefined {
  const d = decodeScalar(dk)
  if (!d) throw new UsageError('not the private half of a backup key')
  const run = openRun(backend, { ...statement, ek: backend.encode(backend.mulBase(d)) })
  if (run === undefined || bytes.length !== PVE_BYTES) return undefined
  const { e, rows } = decodeProof(bytes)
  for (const [i, { x, closed }] of rows.entries()) {
    const half = decryptHalf(run, [i, other(bitOf(e, i))], closed, (E) => backend.mul(E, d))
    if (half === undefined) continue
    const sum = mod(fromBytesBE(half) + fromBytesBE(x))
    half.fill(0)
    if (!backend.equal(backend.mulBase(sum), run.X)) continue // check L7
    return toBytes32(sum)
  }
  return undefined
}

function other(b: Bit): Bit {
  return b === 0 ? 1 : 0
}
