import {
  answerError,
  count,
  createLog,
  entrySpan,
  inScope,
  measure,
  readTelemetryConfig,
  readTraceparent,
  span,
  traceparentHeader,
} from '@tandem/service'
import { WireError } from '@tandem/wire'
import { ATTRIBUTES, type Attributes, allowed } from '../../shared/service/src/telemetry/attributes.ts'
import { connectSink, type OpenSpan, type SpanOptions } from '../../shared/service/src/telemetry/telemetry.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const HEADER = `00-${TRACE}-00f067aa0ba902b7-01`

afterEach(() => connectSink(undefined))

/** What nobody may learn from a span, in the forms in which services hold it. */
const HIDDEN = [
  'https://accounts.example|subject-1',
  '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  `0x${'ab'.repeat(32)}`,
  'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln',
  'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'prf_AAAAAAAAAAAAAAAAAAAAAA',
  '1000000000000000000',
  '203.0.113.9',
  'alice@example.com',
  'Savings',
]

test('no attribute has room for an id, a token, an address, an amount or a text', () => {
  for (const name of Object.keys(ATTRIBUTES))
    for (const value of HIDDEN)
      expect([name, value, allowed({ [name]: value } as Attributes)]).toEqual([name, value, {}])
})

test('no attribute takes a key id as part of a route, or a number that is not of its kind', () => {
  expect(allowed({ 'http.route': `/internal/keys/0x${'ab'.repeat(32)}` })).toEqual({})
  expect(allowed({ 'http.route': '/internal/keys/:keyId' })).toEqual({ 'http.route': '/internal/keys/:keyId' })
  expect(allowed({ 'http.response.status_code': 21_000, 'tandem.round': 1e18 })).toEqual({})
})

test('a name that is not listed is dropped, whatever its value', () => {
  expect(allowed({ 'enduser.id': 'GET', 'tandem.owner': 'device' } as Attributes)).toEqual({})
})

/** A sink that keeps what was opened. */
function recorder() {
  const opened: { readonly options: SpanOptions; readonly parent: string | undefined; readonly set: Attributes[] }[] =
    []
  connectSink({
    open: (options, parent) => {
      const set: Attributes[] = []
      opened.push({ options, parent: parent?.spanId, set })
      const context = { traceId: TRACE, spanId: String(opened.length).padStart(16, '0'), sampled: true }
      const nothing = () => undefined
      return {
        context,
        set: (some) => void set.push(some),
        rename: nothing,
        event: nothing,
        fail: nothing,
        end: nothing,
      } satisfies OpenSpan
    },
    add: () => undefined,
    measure: () => undefined,
  })
  return opened
}

test('of what is thrown a span tells a word of a closed list, and it is thrown on', async () => {
  const opened = recorder()
  const thrown = new Error('secret', { cause: 'secret' })
  await expect(entrySpan({ name: 'x', kind: 'server' }, async () => Promise.reject(thrown))).rejects.toBe(thrown)
  expect(opened[0]!.set).toEqual([{ 'error.type': 'INTERNAL' }])
})

test('a span hangs under the one around it, also across an await; without one there is none', async () => {
  const opened = recorder()
  await span({ name: 'alone', kind: 'client' }, async () => undefined)
  expect(opened).toEqual([])
  await inScope({ trace: readTraceparent(HEADER) }, async () =>
    entrySpan({ name: 'outer', kind: 'server' }, async () => {
      await new Promise((resume) => setImmediate(resume))
      await span({ name: 'inner', kind: 'client' }, async () => undefined)
    }),
  )
  expect(opened.map(({ options, parent }) => [options.name, parent])).toEqual([
    ['outer', '00f067aa0ba902b7'],
    ['inner', '0000000000000001'],
  ])
})

test('a refusal is counted by its code, and of one that is no answer of ours only that', () => {
  const counted: unknown[] = []
  connectSink({
    open: () => {
      throw new Error('no span is wanted')
    },
    add: (metric, by, attributes) => void counted.push([metric, by, allowed(attributes)]),
    measure: () => undefined,
  })
  const log = createLog({ name: 'test', level: 'silent' })
  for (const error of [new WireError('POLICY_DENIED', 'secret'), new WireError('RATE_LIMITED'), new Error('secret')])
    answerError(error, 'req_00000000', log)
  expect(counted).toEqual([
    ['tandem.refusals', 1, { 'error.type': 'POLICY_DENIED' }],
    ['tandem.refusals', 1, { 'error.type': 'RATE_LIMITED' }],
    ['tandem.refusals', 1, { 'error.type': 'INTERNAL' }],
  ])
})

test('off, work is only done, and the caller’s trace is still passed on', async () => {
  const header = await inScope({ trace: readTraceparent(HEADER) }, async () =>
    entrySpan({ name: 'x', kind: 'server' }, async () => traceparentHeader()),
  )
  expect(header).toEqual({ traceparent: HEADER })
  expect(traceparentHeader()).toEqual({})
  count('tandem.signatures')
  measure('tandem.webhook.outbox', 1)
})

test.each([
  ['nothing', undefined],
  ['another version', HEADER.replace('00-', '01-')],
  ['an id of zeros', HEADER.replace(TRACE, '0'.repeat(32))],
  ['a parent of zeros', HEADER.replace('00f067aa0ba902b7', '0'.repeat(16))],
  ['more than a traceparent', `${HEADER}-x`],
])('%s is no trace', (_, header) => {
  expect(readTraceparent(header)).toBeUndefined()
})

describe('its configuration', () => {
  test('is off by default', () => {
    expect(readTelemetryConfig({})).toEqual({ endpoint: undefined, ratio: 1, metricsEveryMs: 60_000 })
  })

  test('takes the variables that OpenTelemetry has for it', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/',
      OTEL_TRACES_SAMPLER_ARG: '0.05',
      OTEL_METRIC_EXPORT_INTERVAL: '10000',
    }
    expect(readTelemetryConfig(env)).toEqual({
      endpoint: 'https://collector.example',
      ratio: 0.05,
      metricsEveryMs: 10_000,
    })
  })

  test('refuses in production a collector without TLS elsewhere, and takes one beside the service', () => {
    const at = (endpoint: string) => () => readTelemetryConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
    expect(at('http://collector.example')).toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT: without TLS/)
    expect(at('http://127.0.0.1:4318')).not.toThrow()
  })
})
