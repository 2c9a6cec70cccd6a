import type { IncomingHttpHeaders } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDuoNode } from '@tandem/duo-node'
import { createSigningKey, googleIdentity, type SigningKey } from '@tandem/service'
import { eventSource } from '../../duo-node/src/event-source.ts'
import { webhookSender } from '../../duo-node/src/webhook.ts'
import { duoNode } from '../../functions/src/ports/duo-node.ts'
import { startBalancer } from '../../infra/local/src/processes/balancer.ts'
import { type MetadataServer, startMetadataServer } from '../helpers/metadata-server.ts'
import { type RecordingSigpair, recordingSigpair } from './recording-sigpair.ts'

const KEYS = { publicKey: `0x${'aa'.repeat(32)}`, identity: `0x${'bb'.repeat(32)}`, keyVersion: 1 }

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

let metadata: MetadataServer
let sigpair: RecordingSigpair
let key: SigningKey
beforeEach(async () => {
  metadata = await startMetadataServer()
  sigpair = await recordingSigpair()
  sigpair.answer = { status: 200, body: JSON.stringify(KEYS) }
  key = await createSigningKey()
  ends.push(metadata.close, sigpair.close)
})

const identity = () => googleIdentity({ metadataHost: metadata.host })

/** What Cloud Run lets in: a token for this very service, in the header that leaves ours alone. */
async function behindCloudRun(url: string): Promise<{ readonly url: string; readonly seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const admits = (headers: IncomingHttpHeaders) => {
    seen.push(headers)
    const [, claims = ''] = String(headers['x-serverless-authorization']).split('.')
    return Buffer.from(claims, 'base64url').toString().includes(`"aud":"${front.url}"`)
  }
  const front = await startBalancer({ host: '127.0.0.1', port: 0, ports: [Number(new URL(url).port)], admits })
  ends.push(front.close)
  return { url: front.url, seen }
}

async function startNode(sigpairUrl: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-identity-'))
  const node = await startDuoNode({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: join(directory, 'duo-node.jwk'),
    functionsKeys: [key.publicJwk],
    sigpairUrl,
    identity: identity(),
    logLevel: 'silent',
  })
  ends.push(async () => {
    await node.close()
    rmSync(directory, { recursive: true })
  })
  return node.url
}

test.each(['http', 'ws'])('a call over %s gets past Cloud Run twice, and our own tokens with it', async (scheme) => {
  const sigpairFront = await behindCloudRun(sigpair.url)
  const nodeFront = await behindCloudRun(await startNode(sigpairFront.url))
  const url = nodeFront.url.replace(/^http/, scheme)
  expect(await duoNode({ url, key, identity: identity() }).readIdentity()).toEqual(KEYS)

  expect(metadata.asked).toEqual([nodeFront.url, sigpairFront.url])
  const { headers } = sigpair.calls[0]!
  expect(headers).toMatchObject({
    authorization: expect.stringMatching(/^Bearer ey/),
    'x-tandem-caller': expect.anything(),
  })
  expect(headers.authorization).not.toBe(headers['x-serverless-authorization'])
})

test.each(['http', 'ws'])(
  'without an identity Cloud Run lets nobody in over %s, and the user hears 503',
  async (scheme) => {
    const front = await behindCloudRun(await startNode(sigpair.url))
    const asked = duoNode({ url: front.url.replace(/^http/, scheme), key }).readIdentity()
    await expect(asked).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
    expect(sigpair.calls).toEqual([])
  },
)

test('without a metadata server nothing is sent, and the user hears 503', async () => {
  const front = await behindCloudRun(await startNode(sigpair.url))
  await metadata.close()
  ends.splice(0, 1)
  for (const url of [front.url, front.url.replace(/^http/, 'ws')]) {
    const asked = duoNode({ url, key, identity: identity() }).readIdentity()
    await expect(asked).rejects.toMatchObject({ code: 'DUO_NODE_UNAVAILABLE' })
  }
  expect(front.seen).toEqual([])
})

test('what duo-node asks of Sigpair by itself, and its webhooks, get past Cloud Run too', async () => {
  const front = await behindCloudRun(sigpair.url)
  sigpair.answer = { status: 200, body: '{"events":[]}' }
  expect(await eventSource({ url: front.url, key, identity: identity() }).list()).toEqual({ events: [] })

  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const event = { id: 'evt_1', type: 'key.ready', timestamp: '', data: {} } as never
  expect(
    await webhookSender({ url: `${front.url}/webhooks/duo-node`, secret, identity: identity() })(event),
  ).toBeUndefined()
  expect(await webhookSender({ url: `${front.url}/webhooks/duo-node`, secret })(event)).toBe('status 403')
})
