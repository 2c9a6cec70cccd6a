import type { Meter } from '@opentelemetry/api'
import { allowed } from './attributes.ts'
import { type CounterName, METRICS, type MeasuredName, type MetricName } from './metrics.ts'
import type { Sink } from './telemetry.ts'

type Taken = (value: number, attributes: ReturnType<typeof allowed>) => void

/** An instrument for every row of {@link METRICS}. */
export function instrumentsOf(meter: Meter): Pick<Sink, 'add' | 'measure'> {
  const names = Object.keys(METRICS) as MetricName[]
  const taking = Object.fromEntries(names.map((name) => [name, instrument(meter, name)])) as Record<MetricName, Taken>
  return {
    add: (metric: CounterName, by, attributes) => taking[metric](by, allowed(attributes)),
    measure: (metric: MeasuredName, value, attributes) => taking[metric](value, allowed(attributes)),
  }
}

function instrument(meter: Meter, name: MetricName): Taken {
  const { kind, unit, description, ...rest } = METRICS[name]
  const options = { unit, description }
  if (kind === 'counter') {
    const counter = meter.createCounter(name, options)
    return (value, attributes) => counter.add(value, attributes)
  }
  if (kind === 'gauge') {
    const gauge = meter.createGauge(name, options)
    return (value, attributes) => gauge.record(value, attributes)
  }
  const explicitBucketBoundaries = 'buckets' in rest ? [...rest.buckets] : []
  const histogram = meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries } })
  return (value, attributes) => histogram.record(value, attributes)
}
