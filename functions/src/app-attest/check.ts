import { WireError } from '@tandem/wire'

/** @throws {WireError} `FORBIDDEN`, `what` was not shown */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new WireError('FORBIDDEN', `app attest: ${what}`)
}

/** What strangers wrote, read by others' code. @throws {WireError} `VALIDATION_FAILED` for whatever that throws */
export function formed<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', `${what}: not of Apple's form`, { cause })
  }
}
