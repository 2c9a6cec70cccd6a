import type { Attributes } from './attributes.ts'
import { errorType } from './error-type.ts'
import type { CounterName, MeasuredName } from './metrics.ts'
import { activeScope, inScope } from './scope.ts'
import type { TraceContext } from './trace-context.ts'

export type SpanKind = 'server' | 'client' | 'internal'

/** What the work inside a span may tell of itself. */
export type Span = {
  readonly set: (attributes: Attributes) => void
  readonly rename: (name: string) => void
  readonly event: (name: string, attributes?: Attributes) => void
  /** the fault is ours, not the caller's */
  readonly fail: () => void
}

export type OpenSpan = Span & {
  readonly context: TraceContext
  readonly end: () => void
}

export type SpanOptions = {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes?: Attributes
  /** ms since 1970, if it began before now */
  readonly startedAt?: number
}

/** Where spans and metrics go. */
export type Sink = {
  readonly open: (options: SpanOptions, parent: TraceContext | undefined) => OpenSpan
  readonly add: (metric: CounterName, by: number, attributes: Attributes) => void
  readonly measure: (metric: MeasuredName, value: number, attributes: Attributes) => void
}

/** One for the process, as for OpenTelemetry itself: what is measured is the process. */
let sink: Sink | undefined

/** Undefined: off, which is how a process begins. */
export function connectSink(to: Sink | undefined): void {
  sink = to
}

/** Whether anybody takes spans and metrics. Asked when a service is put together, after its telemetry was started. */
export const isTelemetryOn = (): boolean => sink !== undefined

const OFF: Span = { set: () => {}, rename: () => {}, event: () => {}, fail: () => {} }

/**
 * Runs `act` in a span of its own, whose parent is the scope's. What `act` throws is thrown on; of it only the code is told.
 * Off, this is `act` and nothing else.
 */
export async function entrySpan<T>(options: SpanOptions, act: (span: Span) => Promise<T>): Promise<T> {
  if (sink === undefined) return act(OFF)
  const { requestId, trace } = activeScope()
  const span = sink.open(options, trace)
  return inScope({ requestId, trace: span.context, span }, async () => told(span, act))
}

/** As {@link entrySpan}, but only inside another: a job that looks every second makes no traces of its own. */
export async function span<T>(options: SpanOptions, act: (span: Span) => Promise<T>): Promise<T> {
  return activeScope().span === undefined ? act(OFF) : entrySpan(options, act)
}

async function told<T>(span: OpenSpan, act: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await act(span)
  } catch (error) {
    const { type, ours } = errorType(error)
    span.set({ 'error.type': type })
    if (ours) span.fail()
    throw error
  } finally {
    span.end()
  }
}

export function count(metric: CounterName, attributes: Attributes = {}, by = 1): void {
  sink?.add(metric, by, attributes)
}

/** @param value in the metric's unit: seconds for durations */
export function measure(metric: MeasuredName, value: number, attributes: Attributes = {}): void {
  sink?.measure(metric, value, attributes)
}

/** Measures how long `act` took, and says how it failed. */
export async function timed<T>(metric: MeasuredName, attributes: Attributes, act: () => Promise<T>): Promise<T> {
  if (sink === undefined) return act()
  const begun = performance.now()
  let failure: Attributes = {}
  try {
    return await act()
  } catch (error) {
    failure = { 'error.type': errorType(error).type }
    throw error
  } finally {
    measure(metric, (performance.now() - begun) / 1000, { ...attributes, ...failure })
  }
}
