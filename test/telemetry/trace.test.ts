import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultPlatform, type Platform, type TandemClient, type Wallet } from '@tandem/client'
import { parseEther } from 'ethers'
import { diagnoseStack } from '../../infra/diagnostics/stack.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'
import { type Collector, type SeenSpan, startCollector } from './collector.ts'

/** Whole services on loopback, each a process of its own, told to send what they record to a collector in this one. */
const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

const traceIds = { wallet: randomBytes(16).toString('hex'), payment: randomBytes(16).toString('hex') }

let collector: Collector
let stack: TestStack
let alice: TandemClient
let wallet: Wallet
let traceId = traceIds.wallet

/** Every token and ticket this device held. */
const held: string[] = []

/** An app that traces its own work, and a listener on its line. */
function tracing(): Platform {
  const platform = defaultPlatform()
  return {
    ...platform,
    traceparent: () => `00-${traceId}-${randomBytes(8).toString('hex')}-00`,
    fetch: async (url, request) => {
      held.push(request.headers['authorization']!.slice('Bearer '.length))
      const answer = await platform.fetch(url, request)
      const text = await answer.text()
      const { ticket } = JSON.parse(text) as { readonly ticket?: string }
      if (ticket !== undefined) held.push(ticket)
      return { status: answer.status, text: async () => text }
    },
  }
}

beforeAll(async () => {
  collector = await startCollector()
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.url
  process.env['OTEL_METRIC_EXPORT_INTERVAL'] = '500'
  stack = await startTestStack()
  alice = stack.device('alice', { platform: tracing() })
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('1'))
  await alice.fillPresignatures(wallet, 1)
  traceId = traceIds.payment
  const payment = { to: SHOP, value: parseEther('0.012345678'), chainId: stack.chainId }
  await (await alice.sendTransaction(wallet, payment)).wait()
  await (await alice.sendTransaction(wallet, { ...payment, how: 'interactive' })).wait()
  await arrived()
}, 60_000)

afterAll(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
  delete process.env['OTEL_METRIC_EXPORT_INTERVAL']
  await alice.close()
  await stack.stop()
  await collector.close()
})

/** Waits until everything has arrived: what comes last is what ended last, and metrics of all of it. */
async function arrived(): Promise<void> {
  const spans = ['functions POST /api/v1/mpc/sign', 'duo-node sign:complete', 'sigpair dialogue sign']
  const points = ['functions http.server.request.duration', 'duo-node tandem.webhooks', 'sigpair tandem.signatures']
  const complete = () => {
    const seen = new Set([...collector.spans(), ...collector.points()].map(({ service, name }) => `${service} ${name}`))
    const ways = collector.points().map(({ attributes }) => attributes['tandem.signing'])
    return [...spans, ...points].every((name) => seen.has(name)) && ways.includes('dialogue')
  }
  for (let tries = 0; !complete() && tries < 150; tries++) await new Promise((resume) => setTimeout(resume, 100))
}

const spansOf = (trace: string) => collector.spans().filter((span) => span.traceId === trace)

/** `service name` of a span and of all it hangs under. */
function ancestry(span: SeenSpan): string[] {
  const parent = collector.spans().find(({ spanId }) => spanId === span.parentSpanId)
  return [`${span.service} ${span.name}`, ...(parent === undefined ? [] : ancestry(parent))]
}

test('one trace leads from a device’s call through functions and duo-node to Sigpair', () => {
  const consumed = spansOf(traceIds.payment).find(
    ({ service, name }) => service === 'sigpair' && name === 'POST /internal/sessions/:sessionId/complete',
  )
  expect(ancestry(consumed!)).toEqual([
    'sigpair POST /internal/sessions/:sessionId/complete',
    'duo-node POST',
    'duo-node sign:complete',
    'functions sign:complete',
    'functions POST /api/v1/mpc/sign',
  ])
  const opened = spansOf(traceIds.payment).filter(({ name }) => name.endsWith('/Decrypt'))
  expect(opened.some((span) => ancestry(span).includes('functions POST /api/v1/mpc/sign'))).toBe(true)
  const kept = spansOf(traceIds.payment).filter(({ attributes }) => attributes['db.namespace'] === 'presignatures')
  expect(kept.some((span) => ancestry(span).includes('functions POST /api/v1/mpc/sign'))).toBe(true)
})

test('a dialogue hangs under the request its ticket came from, and tells its rounds', () => {
  for (const [trace, dialogue] of [
    [traceIds.wallet, 'keygen'],
    [traceIds.wallet, 'presign'],
    [traceIds.payment, 'sign'],
  ] as const) {
    const span = spansOf(trace).find(({ name }) => name === `dialogue ${dialogue}`)
    expect(ancestry(span!)).toEqual([`sigpair dialogue ${dialogue}`, 'functions POST /api/v1/mpc/tickets'])
    const rounds = span!.events.filter(({ name }) => name === 'round').map(({ attributes }) => attributes)
    expect(rounds).toContainEqual(
      expect.objectContaining({ 'tandem.dialogue': dialogue, 'tandem.party': 'device', 'tandem.round': 1 }),
    )
    // what the computation in its thread asked to be made durable
    const inside = spansOf(trace).filter((one) => ancestry(one).includes(`sigpair dialogue ${dialogue}`))
    expect(inside.some(({ attributes }) => attributes['db.operation.name'] === 'transaction')).toBe(true)
  }
})

test('the metrics arrive', () => {
  const seen = new Set(collector.points().map(({ service, name }) => `${service} ${name}`))
  for (const name of [
    'functions http.server.request.duration',
    'functions rpc.client.call.duration',
    'duo-node rpc.server.call.duration',
    'duo-node http.client.request.duration',
    'duo-node tandem.webhook.outbox',
    'duo-node tandem.webhooks',
    'sigpair http.server.request.duration',
    'sigpair rpc.client.call.duration',
    'sigpair db.client.operation.duration',
    'sigpair tandem.dialogue.duration',
    'sigpair tandem.dialogue.round.duration',
    'sigpair tandem.presignatures',
    'sigpair tandem.signatures',
    'sigpair nodejs.eventloop.delay.p99',
  ])
    expect([...seen]).toContain(name)
  const signatures = collector.points().filter(({ name }) => name === 'tandem.signatures')
  const ways = new Set(signatures.map(({ attributes }) => attributes['tandem.signing']))
  expect(ways).toEqual(new Set(['presigned', 'dialogue']))
})

test('every line that was written for a request names its trace and the request', () => {
  for (const service of ['functions', 'duo-node', 'sigpair']) {
    const lines = linesOf(service)
    expect(lines.every(({ severity, time }) => typeof severity === 'string' && typeof time === 'string')).toBe(true)
    const ours = lines.filter((line) => line['logging.googleapis.com/trace'] === traceIds.payment)
    expect(ours.length).toBeGreaterThan(0)
    for (const line of ours) {
      expect(line['logging.googleapis.com/spanId']).toMatch(/^[0-9a-f]{16}$/)
      expect(line['requestId']).toEqual(expect.any(String))
    }
  }
  const dialogues = linesOf('sigpair').filter(({ event }) => event === 'dialogue')
  expect(dialogues.length).toBeGreaterThan(1)
  expect(dialogues.every((line) => typeof line['logging.googleapis.com/trace'] === 'string')).toBe(true)
})

type Line = Readonly<Record<string, unknown>>

function linesOf(service: string): Line[] {
  const text = readFileSync(join(stack.logs, `${service}.log`), 'utf8')
  const lines = text.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as Line)
}

/** What must be in nothing that leaves a service. */
function hidden(): readonly string[] {
  return [
    ...held.flatMap((token) => [token, token.split('.')[2]!]),
    `${stack.issuerUrl}|alice`,
    wallet.address,
    SHOP,
    parseEther('0.012345678').toString(),
    ...['functions.jwk', 'duo-node.jwk', 'webhook.secret'].map(secretOf),
  ].map((text) => text.toLowerCase())
}

test('nothing that is exported or logged holds a secret, an owner, an address or an amount', async () => {
  expect(held.length).toBeGreaterThan(4)
  const exported = collector.text().toLowerCase()
  const logged = ['functions', 'duo-node', 'sigpair'].map((name) =>
    readFileSync(join(stack.logs, `${name}.log`), 'utf8'),
  )
  for (const text of [exported, ...logged.map((one) => one.toLowerCase())])
    for (const secret of hidden()) expect(text.includes(secret)).toBe(false)
  // ids are for the log, where they are needed to help somebody; nothing of them leaves with spans and metrics
  expect(exported).not.toContain(wallet.keyId.toLowerCase())
  expect(exported).not.toContain(wallet.profileId.toLowerCase())
})

/** The secret part of a key file. */
function secretOf(name: string): string {
  const text = readFileSync(join(stack.directory, name), 'utf8').trim()
  return text.startsWith('{') ? (JSON.parse(text) as { readonly d: string }).d : text
}

test('the diagnostics of a stack that runs say how it is, and nothing of whose it is', async () => {
  const portOf = (name: 'functions' | 'duo-node' | 'sigpair') => stack.planOf(name).env['PORT']
  const { INTERNAL_PORT, KMS_ENDPOINT = '' } = stack.planOf('sigpair').env
  const report = await diagnoseStack(stack.directory, {
    FUNCTIONS_PORT: portOf('functions'),
    DUO_NODE_PORT: portOf('duo-node'),
    SIGPAIR_PORT: portOf('sigpair'),
    SIGPAIR_INTERNAL_PORT: INTERNAL_PORT,
    KMS_PORT: new URL(KMS_ENDPOINT).port,
  })
  expect(report).toMatchObject({
    services: [
      {
        name: 'sigpair',
        running: 'ready',
        diagnosis: {
          health: { parties: 'holds', presignatures: 'holds', kms: 'holds' },
          databases: [
            { name: 'parties', records: { keys: 1 } },
            { name: 'presignatures', records: { pairs: 1 } },
          ],
        },
      },
      { name: 'duo-node', running: 'ready', diagnosis: { health: { store: 'holds' } } },
      {
        name: 'functions',
        running: 'ready',
        diagnosis: { databases: [{ name: 'backend', records: { profiles: 1 } }] },
      },
    ],
  })
  const text = JSON.stringify(report).toLowerCase()
  for (const secret of [...hidden(), wallet.keyId.toLowerCase()]) expect(text.includes(secret)).toBe(false)
}, 60_000)
