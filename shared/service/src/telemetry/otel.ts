import { randomUUID } from 'node:crypto'
import {
  type Context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Log } from '../log.ts'
import { allowed } from './attributes.ts'
import type { TelemetryConfig } from './config.ts'
import { instrumentsOf } from './instruments.ts'
import { observeRuntime } from './runtime.ts'
import type { Telemetry } from './start.ts'
import { connectSink, type OpenSpan, type SpanOptions } from './telemetry.ts'
import type { TraceContext } from './trace-context.ts'

export type OtelOptions = Omit<TelemetryConfig, 'endpoint'> & { readonly service: string; readonly endpoint: string }

/** Of our own spans and metrics there is one scope. */
const SCOPE = 'tandem'

/** Less than a platform gives a process to end. */
const CLOSE_MS = 2_000

/** A request on Cloud Run Functions may be the last one for minutes: what it made leaves soon. */
const SEND_AFTER_MS = 1_000
const SEND_MS = 5_000

/** What fails fails at every export. */
const SAY_EVERY_MS = 60_000

/** A dialogue that stocks up has a few hundred rounds. */
const SPAN_LIMITS = { eventCountLimit: 512, attributeCountLimit: 16, attributeValueLengthLimit: 128 }

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

/**
 * OpenTelemetry's SDK behind the few calls of telemetry.ts. Nothing is registered globally: what libraries would record by
 * themselves, with whatever they find to say, goes nowhere.
 */
export function openTelemetry(options: OtelOptions, log: Log): Telemetry {
  diag.setLogger(quiet(log), DiagLogLevel.ERROR)
  const resource = resourceFromAttributes({ 'service.name': options.service, 'service.instance.id': randomUUID() })
  const traces = tracesOf(options, resource)
  const metrics = metricsOf(options, resource)
  const tracer = traces.getTracer(SCOPE)
  const meter = metrics.getMeter(SCOPE)
  const stopObserving = observeRuntime(meter)
  connectSink({
    open: (span, parent) => opened(tracer.startSpan(span.name, startOf(span), contextOf(parent))),
    ...instrumentsOf(meter),
  })
  const close = async () => {
    connectSink(undefined)
    const ended = Promise.allSettled([traces.shutdown(), metrics.shutdown()]).then(() => undefined)
    await Promise.race([ended, new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    stopObserving()
  }
  return { close }
}

type Resource = ReturnType<typeof resourceFromAttributes>

function tracesOf({ endpoint, ratio }: OtelOptions, resource: Resource): TracerProvider {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: SEND_MS })
  const batches = new BatchSpanProcessor({
    exporter,
    scheduledDelayMillis: SEND_AFTER_MS,
    exportTimeoutMillis: SEND_MS,
  })
  // By the id alone and never by what a caller says of it: a stranger must not decide what is recorded.
  const sampler = new TraceIdRatioBasedSampler(ratio)
  return new TracerProvider({ resource, sampler, spanProcessors: [batches], spanLimits: SPAN_LIMITS })
}

function metricsOf({ endpoint, metricsEveryMs }: OtelOptions, resource: Resource): MeterProvider {
  const exporter = new OTLPMetricExporter({ url: `${endpoint}/v1/metrics`, timeoutMillis: SEND_MS })
  const exportTimeoutMillis = Math.min(SEND_MS, metricsEveryMs)
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: metricsEveryMs,
    exportTimeoutMillis,
  })
  return new MeterProvider({ resource, readers: [reader] })
}

function startOf({ kind, attributes = {}, startedAt }: SpanOptions) {
  const begun = startedAt === undefined ? {} : { startTime: startedAt }
  return { kind: KINDS[kind], attributes: allowed(attributes), ...begun }
}

function contextOf(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT
  const { traceId, spanId, sampled } = parent
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function opened(span: ReturnType<ReturnType<TracerProvider['getTracer']>['startSpan']>): OpenSpan {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return {
    context: { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
    set: (attributes) => void span.setAttributes(allowed(attributes)),
    rename: (name) => void span.updateName(name),
    event: (name, attributes = {}) => void span.addEvent(name, allowed(attributes)),
    fail: () => void span.setStatus({ code: SpanStatusCode.ERROR }),
    end: () => {
      span.end()
    },
  }
}

/** A collector that is away is worth a line, and no request is worse off for it. */
function quiet(log: Log) {
  let said = -SAY_EVERY_MS
  const say = (text: string) => {
    if (performance.now() - said < SAY_EVERY_MS) return
    said = performance.now()
    log.warn({ event: 'telemetry.failed', reason: text.slice(0, 200) })
  }
  const nothing = () => undefined
  return { error: say, warn: nothing, info: nothing, debug: nothing, verbose: nothing }
}
