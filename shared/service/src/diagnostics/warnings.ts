import { isErrorCode, isOperation, ticketOperation } from '@tandem/wire'

const constant = (value: unknown) => typeof value === 'string' && /^[a-z][a-z.-]{2,39}$/.test(value)
const count = (value: unknown) => typeof value === 'number' && Number.isInteger(value)

/** What of a line is taken over, and in which form: words of our sources, numbers, times. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  time: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  severity: (value) => value === 'WARNING' || value === 'ERROR',
  service: constant,
  event: constant,
  code: isErrorCode,
  operation: (value) =>
    typeof value === 'string' && (isOperation(value) || ticketOperation.options.some((one) => one === value)),
  status: count,
  attempt: count,
  attempts: count,
  ms: count,
}

/** How deep a chain of causes is followed. */
const DEPTH = 6

/**
 * The last warnings and errors of a log, cut down to what says what happened and not to whom: no message, no id, of an error
 * only the chain of its classes.
 *
 * @param text lines of JSON, as {@link createLog} writes them; others are passed over
 */
export function lastWarnings(text: string, most = 50): readonly object[] {
  const lines = text.split('\n').flatMap(parsed)
  return lines
    .filter((line) => FIELDS['severity']!(line['severity']))
    .slice(-most)
    .map(reduced)
}

type Line = Readonly<Record<string, unknown>>

function parsed(line: string): readonly Line[] {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? [value as Line] : []
  } catch {
    return []
  }
}

function reduced(line: Line): object {
  const fields = Object.entries(FIELDS).flatMap(([name, fits]) =>
    fits(line[name]) ? [[name, line[name]] as const] : [],
  )
  const causes = causesOf(line['cause'] ?? line['err'])
  return { ...Object.fromEntries(fields), ...(causes.length === 0 ? {} : { causes }) }
}

/** `WireError`, `StoreError`, `Error`: names of classes. */
function causesOf(cause: unknown, depth = 0): readonly string[] {
  if (typeof cause !== 'object' || cause === null || depth === DEPTH) return []
  const { type, cause: inner } = cause as { readonly type?: unknown; readonly cause?: unknown }
  const own =
    typeof type === 'string' && /^[A-Z][A-Za-z]{0,38}(Error|Abort|Lost|Answer)$|^Error$/.test(type) ? [type] : []
  return [...own, ...causesOf(inner, depth + 1)]
}
