import { ascii } from '@tandem/rounds'
import type { BackupStatement } from './backup.ts'
import type { Backend, Point } from '../math/backend.ts'
import { concat, le16, le32, split } from '../math/bytes.ts'
import { H2S, TH } from '../math/hash.ts'
import { decodePoint, POINT_BYTES } from '../math/points.ts'

// One row of a verifiable encryption: the share in two halves, each encrypted. Source: docs/spec/backup.md, section 1.

/** A cheat passes with probability 2^−128 per attempt. Never read from the wire. */
export const PVE_ROWS = 128
/** E ‖ masked half */
const CLOSED_BYTES = POINT_BYTES + 32
const CHALLENGE_BYTES = PVE_ROWS / 8
const ROW_BYTES = 32 + 32 + CLOSED_BYTES

/** e, then of every row the opened half and the closed one: 16 528 bytes */
export const PVE_BYTES = CHALLENGE_BYTES + PVE_ROWS * ROW_BYTES

export type Bit = 0 | 1

/** Which half of which row. */
export type Place = readonly [i: number, b: Bit]

/** The statement as the formulas use it. */
export type PveRun = {
  readonly backend: Backend
  readonly label: Uint8Array
  readonly ek: Uint8Array
  readonly publicShare: Uint8Array
  readonly EK: Point
  readonly X: Point
}

/** What opens a half: x_{i,b} and κ_{i,b}, 32 bytes each. */
export type OpenHalf = { readonly x: Uint8Array; readonly kappa: Uint8Array }

/** A row as it travels: one half open, the other encrypted. */
export type Row = OpenHalf & { readonly closed: Uint8Array }

/** What the challenge is taken from. */
export type HashedRow = {
  /** x_{i,0}·G */
  readonly Y: Uint8Array
  readonly encrypted: readonly [Uint8Array, Uint8Array]
}

/** 1.1 @returns undefined unless ek and the public share are points */
export function openRun(backend: Backend, statement: BackupStatement): PveRun | undefined {
  const { keyId, ssid, epoch, party, purpose, ek, publicShare } = statement
  const label = TH(backend, 'pve/label', keyId, ssid, le32(epoch), le16(party), ascii(purpose))
  const EK = decodePoint(backend, ek)
  const X = decodePoint(backend, publicShare)
  return EK && X && { backend, label, ek, publicShare, EK, X }
}

/** 1.3. E ‖ masked half; all its randomness comes from κ, so that who learns κ can make it again. */
export function encryptHalf(
  run: PveRun,
  place: Place,
  { x, kappa }: OpenHalf,
  timesEk: (t: bigint) => Point,
): Uint8Array {
  const { backend, label, ek } = run
  const t = H2S(backend, 'pve/coins', label, ek, ...placeBytes(place), kappa)
  const [E, shared] = backend.encodeAll([backend.mulBase(t), timesEk(t)]) as [Uint8Array, Uint8Array]
  return concat(E, xor(x, padOf(run, place, E, shared)))
}

/** The half under the mask, by whoever can make t·ek. */
export function decryptHalf(
  run: PveRun,
  place: Place,
  closed: Uint8Array,
  sharedOf: (E: Point) => Point,
): Uint8Array | undefined {
  const [eBytes, masked] = split(closed, POINT_BYTES, 32)
  const E = decodePoint(run.backend, eBytes)
  return E && xor(masked, padOf(run, place, eBytes, run.backend.encode(sharedOf(E))))
}

function padOf({ backend, label, ek }: PveRun, place: Place, E: Uint8Array, shared: Uint8Array): Uint8Array {
  return TH(backend, 'pve/pad', label, ek, ...placeBytes(place), E, shared)
}

/** 1.4. Everything that is verified is in it. */
export function challengeOf(run: PveRun, rows: readonly HashedRow[]): Uint8Array {
  const { backend, label, ek, publicShare } = run
  const parts = rows.flatMap(({ Y, encrypted }) => [Y, ...encrypted])
  return TH(backend, 'pve/chal', label, ek, publicShare, ...parts).slice(0, CHALLENGE_BYTES)
}

/** Bit i, least significant first: which half of row i is open. */
export function bitOf(e: Uint8Array, i: number): Bit {
  return ((e[i >> 3]! >> (i & 7)) & 1) as Bit
}

/** 1.5 */
export function encodeProof(e: Uint8Array, rows: readonly Row[]): Uint8Array {
  return concat(e, ...rows.flatMap(({ x, kappa, closed }) => [x, kappa, closed]))
}

/** The reverse, of exactly {@link PVE_BYTES}. */
export function decodeProof(bytes: Uint8Array): { readonly e: Uint8Array; readonly rows: readonly Row[] } {
  const rows = Array.from({ length: PVE_ROWS }, (_, i): Row => {
    const at = CHALLENGE_BYTES + i * ROW_BYTES
    const [x, kappa, closed] = split(bytes.subarray(at, at + ROW_BYTES), 32, 32, CLOSED_BYTES)
    return { x, kappa, closed }
  })
  return { e: bytes.slice(0, CHALLENGE_BYTES), rows }
}

function placeBytes([i, b]: Place): [Uint8Array, Uint8Array] {
  return [le16(i), Uint8Array.of(b)]
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!)
}
