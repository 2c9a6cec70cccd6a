import { StoreError } from '@tandem/store'
import { ERRORS, toProblem, WireError } from '@tandem/wire'
import type { Log } from './log.ts'
import type { Answer } from './routes.ts'
import { count } from './telemetry/telemetry.ts'

/**
 * What a caller sees of a failure; the one place where errors are translated. Whatever is not a WireError is INTERNAL.
 * The cause goes to the log and nowhere else.
 */
export function answerError(error: unknown, requestId: string, log: Log): Answer {
  const wire = toWireError(error)
  const { status } = ERRORS[wire.code]
  logFailure(wire, status, log)
  count('tandem.refusals', { 'error.type': wire.code })
  return {
    status,
    body: toProblem(wire, requestId),
    headers: {
      'content-type': 'application/problem+json',
      // RFC 9110, 15.5.22
      ...(status === 426 ? { upgrade: 'tandem', connection: 'upgrade' } : {}),
      ...(wire.retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(wire.retryAfter)) }),
    },
  }
}

/** @returns the error itself if it is one of the closed list, else the one that stands for it, with it as cause */
export function toWireError(error: unknown): WireError {
  if (error instanceof WireError) return error
  const passing = error instanceof StoreError && (error.code === 'UNAVAILABLE' || error.code === 'CONFLICT')
  return new WireError(passing ? 'UNAVAILABLE' : 'INTERNAL', undefined, { cause: error })
}

function logFailure(error: WireError, status: number, log: Log): void {
  const fields = { event: 'request.failed', code: error.code, status, details: error.details, cause: error.cause }
  if (status >= 500) log.error(fields)
  else log.info(fields)
}
