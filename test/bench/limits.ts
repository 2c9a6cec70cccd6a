import type { Row } from './measure.ts'

/** The yardstick: every other time counts as a multiple of it. */
export const YARDSTICK = 'noble_base_mult_ms'

/** At most this many times the yardstick, or this many bytes. Source: the numbers the project set itself. */
const LIMITS: Readonly<Record<string, number>> = {
  keygen_2of2_both_parties_ms: 1200,
  keygen_2of2_both_parties_ms_noble_only: 5000,
  sign_2of2_both_parties_ms: 15,
  sign_2of2_both_parties_ms_noble_only: 60,
  sign_online_both_parties_ms: 2,
  sign_online_both_parties_ms_noble_only: 12,
  wire_bytes_per_signature: 90_000,
  keyshare_bytes: 12_000,
}

/** A row with a limit: what counts against it. */
export type Limited = Row & { readonly counts: number; readonly limit: number }

/** The rows that have a limit, in order. */
export function limited(rows: readonly Row[]): readonly Limited[] {
  const base = rows.find(({ name }) => name === YARDSTICK)!.value
  return rows.flatMap((row) => {
    const limit = LIMITS[row.name]
    return limit === undefined ? [] : { ...row, counts: row.unit === 'ms' ? row.value / base : row.value, limit }
  })
}

/** Three significant digits, and whole numbers whole. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
