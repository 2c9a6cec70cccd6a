import { StoreError } from '@tandem/store'
import { ERRORS, type ErrorCode, WireError } from '@tandem/wire'

/** By name: the classes live where this may not reach. */
const KNOWN: Readonly<Record<string, string>> = { NoAnswer: 'NO_ANSWER', SocketLost: 'SOCKET_LOST' }

/** What telemetry says of a failure: a word of a closed list, and whether the fault is ours; never the failure's text. */
export function errorType(error: unknown): { readonly type: string; readonly ours: boolean } {
  if (error instanceof WireError) return { type: error.code, ours: isOurs(error.code) }
  if (error instanceof StoreError) return { type: 'STORE', ours: true }
  const name = error instanceof Error ? error.name : ''
  return { type: KNOWN[name] ?? 'INTERNAL', ours: true }
}

export const isOurs = (code: ErrorCode): boolean => ERRORS[code].status >= 500
