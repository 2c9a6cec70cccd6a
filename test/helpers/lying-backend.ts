import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What functions answered, as an object that may be changed. */
type Body = Record<string, unknown>

/** Returns what the device shall hear instead. */
export type Lie = (body: Body, request: { readonly method: string; readonly path: string }) => Body | Promise<Body>

/** A backend that is honest towards Sigpair and the chain, and says to the device what it likes. */
export type LyingBackend = {
  readonly url: string
  lie: Lie
  /** method and path of every request so far */
  readonly heard: string[]
  readonly close: () => Promise<void>
}

export async function lyingBackend(target: string): Promise<LyingBackend> {
  const server = createServer((req, res) => {
    const relay = async () => {
      const { method = 'GET', url: path = '/' } = req
      backend.heard.push(`${method} ${path}`)
      const { status, body } = await ask(`${target}${path}`, req)
      const said = status < 300 ? await backend.lie(body, { method, path }) : body
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
    }
    relay().catch(() => res.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const backend: LyingBackend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lie: (body) => body,
    heard: [],
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return backend
}

async function ask(url: string, req: IncomingMessage): Promise<{ status: number; body: Body }> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const { method = 'GET', headers } = req
  const key = headers['idempotency-key']
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: headers.authorization ?? '',
      'content-type': 'application/json',
      ...(typeof key === 'string' ? { 'idempotency-key': key } : {}),
    },
    ...(body.length === 0 ? {} : { body }),
  })
  return { status: answer.status, body: (await answer.json()) as Body }
}
