import { inScope } from './scope.ts'
import { entrySpan, isTelemetryOn, measure, type Span } from './telemetry.ts'
import { readTraceparent } from './trace-context.ts'

export type Request = {
  readonly method: string
  /** as it arrived */
  readonly traceparent: string | undefined
  readonly requestId: string
  /** answers a probe: no span, no metric */
  readonly probe?: boolean
}

/** A request under way. */
export type Observed = { readonly matched: (route: string) => void }

/**
 * Answers one HTTP request in its scope, in the span and for the metric of its route.
 *
 * @param answer what is done, and the status it ended with
 */
export async function observeRequest(
  { method, traceparent, requestId, probe = false }: Request,
  answer: (observed: Observed) => Promise<number>,
): Promise<void> {
  await inScope({ requestId, trace: readTraceparent(traceparent) }, async () => {
    if (probe || !isTelemetryOn()) return answer({ matched: () => undefined })
    return entrySpan({ name: method, kind: 'server', attributes: { 'http.request.method': method } }, async (span) =>
      answered(method, span, answer),
    )
  })
}

async function answered(method: string, span: Span, answer: (observed: Observed) => Promise<number>): Promise<number> {
  const begun = performance.now()
  let route: string | undefined
  const matched = (found: string) => {
    route = found
    span.rename(`${method} ${found}`)
    span.set({ 'http.route': found })
  }
  const status = await answer({ matched })
  const said = { 'http.response.status_code': status }
  span.set(said)
  if (status >= 500) span.fail()
  measure('http.server.request.duration', (performance.now() - begun) / 1000, {
    'http.request.method': method,
    'http.route': route,
    ...said,
  })
  return status
}
