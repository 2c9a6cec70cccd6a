import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What Google's metadata server is to an account: it hands out ID tokens. These are signed by nobody. */
export type MetadataServer = {
  readonly host: string
  /** audiences that tokens were asked for, in order */
  readonly asked: string[]
  /** answers instead, if it is there */
  answer: ((audience: string) => { readonly status: number; readonly body: string }) | undefined
  /** seconds that a token lives */
  seconds: number
  readonly close: () => Promise<void>
}

const PATH = '/computeMetadata/v1/instance/service-accounts/default/identity'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** @param n tells tokens for one audience apart */
export const idToken = (aud: string, exp: number, n = 0) =>
  `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ aud, exp, n, email: 'functions@demo.example' })}.c2ln`

/** On loopback; refuses whoever does not say that he knows what he asks. */
export async function startMetadataServer(now: () => number = Date.now): Promise<MetadataServer> {
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://metadata')
    if (req.headers['metadata-flavor'] !== 'Google' || pathname !== PATH) {
      res.writeHead(403).end()
      return
    }
    const audience = searchParams.get('audience') ?? ''
    const n = metadata.asked.push(audience)
    const exp = Math.floor(now() / 1000) + metadata.seconds
    const { status, body } = metadata.answer?.(audience) ?? { status: 200, body: idToken(audience, exp, n) }
    res.writeHead(status, { 'metadata-flavor': 'Google' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const metadata: MetadataServer = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answer: undefined,
    seconds: 3_600,
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
  return metadata
}
