/** Where a piece of work hangs: the trace, the span that caused it, and whether its caller records. */
export type TraceContext = { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }

const NONE = /^0+$/

/**
 * A `traceparent` of W3C Trace Context, version 00; undefined for anything else. `tracestate` and `baggage` are not read
 * and not passed on: they are other people's text.
 */
export function readTraceparent(header: string | undefined): TraceContext | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(header ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (NONE.test(traceId) || NONE.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function writeTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}
