/**
 * EXISTS: create met a living document. MISSING: update met none. CONFLICT: the version is not the one given, or a
 * transaction lost every attempt. UNAVAILABLE: the engine failed (busy, disk, closed); nothing is known to be written.
 */
export type StoreErrorCode = 'EXISTS' | 'MISSING' | 'CONFLICT' | 'UNAVAILABLE'

/** Why the store refused. The message names the document, never its content. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, what: string, options: { readonly cause?: unknown } = {}) {
    super(`${code}: ${what}`, options)
    this.code = code
  }
}

export function isStoreError(error: unknown, code: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && error.code === code
}
