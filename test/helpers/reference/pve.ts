import type { Rng } from '@tandem/rounds'
import type { BackupStatement } from '@tandem/ecdsa'
import { fast } from '../backends.ts'
import { q, residue } from './curve.ts'
import { BE, concat, H2S, LE, range, TH } from './hash.ts'

/** Verifiable encryption as protocol.md 13.4 says it, written without the code it checks. Points are the backend's. */

export type ReferenceRow = {
  readonly Y: Uint8Array
  readonly x: readonly [bigint, bigint]
  readonly kappa: readonly [Uint8Array, Uint8Array]
  readonly c: readonly [Uint8Array, Uint8Array]
}

const BE32 = (x: bigint) => LE(x, 32).reverse()
const point = (k: bigint) => fast.encode(fast.mulBase(residue(k, q)))

export function labelOf({ keyId, ssid, epoch, party, purpose }: BackupStatement): Uint8Array {
  return TH('pve/label', keyId, ssid, LE(epoch, 4), LE(party, 2), Uint8Array.from(Buffer.from(purpose)))
}

export function honestRows(statement: BackupStatement, x: bigint, rng: Rng): ReferenceRow[] {
  return range(128).map((i) => {
    const x0 = BE(rng(32))
    const kappa0 = rng(32)
    return rowOf(statement, i, [x0, residue(x - x0, q)], [kappa0, rng(32)])
  })
}

export function rowOf(
  statement: BackupStatement,
  i: number,
  x: readonly [bigint, bigint],
  kappa: readonly [Uint8Array, Uint8Array],
): ReferenceRow {
  const c = ([0, 1] as const).map((b) => ciphertext(statement, i, b, x[b], kappa[b])) as [Uint8Array, Uint8Array]
  return { Y: point(x[0]), x, kappa, c }
}

/** A row that opens well on one side and hides nothing on the other: good if and only if `open` is what is asked. */
export function emptyRow(statement: BackupStatement, i: number, open: 0 | 1, rng: Rng): ReferenceRow {
  const x = BE(rng(32)) % q
  const kappa = rng(32)
  const X = fast.decode(statement.publicShare)
  const Y = open === 0 ? fast.mulBase(x) : fast.add(X, fast.negate(fast.mulBase(x)))
  const good = ciphertext(statement, i, open, x, kappa)
  const junk = concat(point(BE(rng(32)) % q), rng(32))
  return { Y: fast.encode(Y), x: [x, x], kappa: [kappa, kappa], c: open === 0 ? [good, junk] : [junk, good] }
}

export function challenge(statement: BackupStatement, rows: readonly ReferenceRow[]): Uint8Array {
  const { ek, publicShare } = statement
  const hashed = rows.flatMap(({ Y, c }) => [Y, ...c])
  return TH('pve/chal', labelOf(statement), ek, publicShare, ...hashed).slice(0, 16)
}

/** @param e the challenge, unless a cheat wants another */
export function proofOf(
  statement: BackupStatement,
  rows: readonly ReferenceRow[],
  e: Uint8Array = challenge(statement, rows),
): Uint8Array {
  const parts = rows.map(({ x, kappa, c }, i) => {
    const b = bitAt(e, i)
    return concat(BE32(x[b]), kappa[b], c[b === 0 ? 1 : 0])
  })
  return concat(e, ...parts)
}

export function bitAt(e: Uint8Array, i: number): 0 | 1 {
  return ((e[i >>> 3]! >>> (i & 7)) & 1) as 0 | 1
}

function ciphertext(statement: BackupStatement, i: number, b: number, x: bigint, kappa: Uint8Array): Uint8Array {
  const context = [labelOf(statement), statement.ek, LE(i, 2), LE(b, 1)]
  const t = H2S('pve/coins', ...context, kappa)
  const E = point(t)
  const shared = fast.encode(fast.mulPublic(fast.decode(statement.ek), t))
  return concat(E, LE(BE(BE32(x)) ^ BE(TH('pve/pad', ...context, E, shared)), 32).reverse())
}
