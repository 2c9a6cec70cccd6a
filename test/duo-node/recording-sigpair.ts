import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Recorded = {
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Stands where Sigpair's internal HTTP is, writes down what it is asked, and answers what it is told to. */
export type RecordingSigpair = {
  readonly url: string
  readonly calls: Recorded[]
  /** 'never' keeps the caller waiting */
  answer: { readonly status: number; readonly body: string } | 'never'
  readonly close: () => Promise<void>
}

export async function recordingSigpair(at = 0): Promise<RecordingSigpair> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      sigpair.calls.push({ method: req.method ?? '', target: req.url ?? '', headers: req.headers, body })
      if (sigpair.answer !== 'never') res.writeHead(sigpair.answer.status).end(sigpair.answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const sigpair: RecordingSigpair = {
    url: `http://127.0.0.1:${port}`,
    calls: [],
    answer: { status: 200, body: '{}' },
    close: () => closed(server),
  }
  return sigpair
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
