import { pino } from 'pino'
import { redact, redactFields } from './redact.ts'
import { activeScope } from './telemetry/scope.ts'
import { readTraceparent, type TraceContext } from './telemetry/trace-context.ts'

type Write = (fields: object, message?: string) => void

/** One line per thing that happened: `{ event, sessionId, keyId, code, ms }`. Secrets print as `[secret]`. */
export type Log = {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
  /** a log whose every line has these fields too */
  readonly child: (fields: object) => Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Cloud Logging's names. */
const SEVERITY: Readonly<Record<string, string>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' }

/**
 * JSON lines as Cloud Logging reads them: `severity`, `message`, ISO `time`, and of what is written for a request its id and
 * its trace.
 *
 * @param options.project Google Cloud project, if there is one: its log viewer joins lines by the full name of the trace
 * @param options.destination where lines go; default: standard output, synchronously, so that a crash loses none
 */
export function createLog(options: {
  readonly name: string
  readonly level: LogLevel
  readonly project?: string | undefined
  readonly destination?: { readonly write: (line: string) => void }
}): Log {
  const settings = {
    level: options.level,
    base: { service: options.name },
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: () => scopeFields(options.project),
    // the formatters below have already done it, for every field
    serializers: { err: (value: unknown) => value },
    formatters: {
      level: (label: string) => ({ severity: SEVERITY[label] ?? 'DEFAULT' }),
      log: (fields: object) => redactFields(fields),
    },
  }
  // Not pino's default: that writes later, and when nobody reads any more it never lets the process end.
  return narrow(pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true })))
}

function narrow(logger: pino.Logger): Log {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error'): Write =>
    (fields, message) =>
      logger[level](fields, message === undefined ? undefined : String(redact(message)))
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    // pino does not run the formatters over a child's fields
    child: (fields) => narrow(logger.child(redactFields(fields))),
  }
}

/** What every line says of the request or dialogue it belongs to. */
function scopeFields(project: string | undefined): Record<string, string> {
  const { requestId, trace } = activeScope()
  return { ...(requestId === undefined ? {} : { requestId }), ...(trace && namesOf(trace, project)) }
}

/**
 * The trace of a W3C `traceparent` header as fields of a log line; none for a header that is not one.
 *
 * @param project the Google Cloud project, if there is one
 */
export function traceFields(traceparent: string | undefined, project?: string): Record<string, string> {
  const trace = readTraceparent(traceparent)
  return trace === undefined ? {} : namesOf(trace, project)
}

function namesOf({ traceId, spanId }: TraceContext, project: string | undefined): Record<string, string> {
  const name = project === undefined ? traceId : `projects/${project}/traces/${traceId}`
  return { 'logging.googleapis.com/trace': name, 'logging.googleapis.com/spanId': spanId }
}
