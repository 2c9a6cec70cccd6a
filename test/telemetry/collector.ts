import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type KeyValue = { readonly key: string; readonly value: Readonly<Record<string, unknown>> }

type OtlpSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly KeyValue[]
  readonly events?: readonly { readonly name: string; readonly attributes: readonly KeyValue[] }[]
}

type OtlpPoint = { readonly attributes?: readonly KeyValue[]; readonly asDouble?: number; readonly count?: number }

type OtlpMetric = { readonly name: string } & Readonly<
  Partial<Record<'sum' | 'gauge' | 'histogram', { readonly dataPoints: readonly OtlpPoint[] }>>
>

type Resource = { readonly attributes: readonly KeyValue[] }

type Export = {
  readonly resourceSpans?: readonly {
    readonly resource: Resource
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
  readonly resourceMetrics?: readonly {
    readonly resource: Resource
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[]
  }[]
}

export type Attributes = Readonly<Record<string, unknown>>

export type SeenSpan = {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[]
}

export type SeenPoint = { readonly service: string; readonly name: string; readonly attributes: Attributes }

/** A collector of OTLP/HTTP as JSON, as far as a test reads it. */
export type Collector = {
  readonly url: string
  /** everything that arrived, byte for byte */
  readonly text: () => string
  readonly spans: () => readonly SeenSpan[]
  readonly points: () => readonly SeenPoint[]
  readonly close: () => Promise<void>
}

export async function startCollector(): Promise<Collector> {
  const bodies: string[] = []
  const spans: SeenSpan[] = []
  const points: SeenPoint[] = []
  const server = createServer((req, res) => {
    void bodyOf(req).then((body) => {
      bodies.push(body)
      const given = JSON.parse(body) as Export
      spans.push(...spansOf(given))
      points.push(...pointsOf(given))
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => bodies.join('\n'),
    spans: () => spans,
    points: () => points,
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of req as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function spansOf({ resourceSpans = [] }: Export): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = serviceOf(resource)
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, attributes, events = [] }) => ({
        service,
        traceId,
        spanId,
        parentSpanId: parentSpanId || undefined,
        name,
        attributes: plain(attributes),
        events: events.map((event) => ({ name: event.name, attributes: plain(event.attributes) })),
      })),
    )
  })
}

function pointsOf({ resourceMetrics = [] }: Export): SeenPoint[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, sum, gauge, histogram }) =>
        (sum ?? gauge ?? histogram)!.dataPoints.map(({ attributes = [] }) => ({
          service: serviceOf(resource),
          name,
          attributes: plain(attributes),
        })),
      ),
    ),
  )
}

const serviceOf = ({ attributes }: Resource) => String(plain(attributes)['service.name'])

/** Of `{stringValue: 'x'}` the 'x'. */
const plain = (attributes: readonly KeyValue[]): Attributes =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
