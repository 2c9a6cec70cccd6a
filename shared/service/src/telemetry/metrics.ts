type Metric = {
  readonly kind: 'counter' | 'histogram' | 'gauge'
  readonly unit: string
  readonly description: string
  /** upper bounds of a histogram's buckets */
  readonly buckets?: readonly number[]
}

/** Seconds, from a lookup in a local file to the longest dialogue. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const seconds = (description: string) =>
  ({ kind: 'histogram', unit: 's', description, buckets: SECONDS }) as const satisfies Metric

const counter = (unit: string, description: string) =>
  ({ kind: 'counter', unit, description }) as const satisfies Metric

/** Everything that is counted or measured. Source: docs/deploy/observability.md, section 3. */
export const METRICS = {
  'http.server.request.duration': seconds('Answers, by route and status'),
  'http.client.request.duration': seconds('Calls to another of our services'),
  'rpc.client.call.duration': seconds('Calls of Cloud KMS, and of duo-node over Socket.IO'),
  'rpc.server.call.duration': seconds('Answers over Socket.IO, by operation'),
  'db.client.operation.duration': seconds('Reads, writes and transactions of a store'),
  'tandem.dialogue.duration': seconds('Dialogues with devices, by operation and how they ended'),
  'tandem.dialogue.round.duration': seconds('One message of a protocol: how long its sender took'),
  'tandem.aborts': counter('{abort}', 'Protocol runs that a check ended, by check and verdict'),
  'tandem.signatures': counter('{signature}', 'Signatures made, by the path they came'),
  'tandem.presignatures': counter('{presignature}', 'Presignatures made, taken for a signature, or dropped'),
  'tandem.refusals': counter('{refusal}', 'Requests that were refused or failed, by error code'),
  'tandem.webhooks': counter('{attempt}', 'Attempts to deliver an event'),
  'tandem.webhook.outbox': {
    kind: 'gauge',
    unit: '{event}',
    description: 'Events that waited at the last look',
  },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS

type OfKind<Kind extends Metric['kind']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never
}[MetricName]

export type CounterName = OfKind<'counter'>
export type MeasuredName = OfKind<'histogram' | 'gauge'>
