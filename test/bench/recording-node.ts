import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A chain node behind a line with a stopwatch. */
export type RecordingNode = {
  readonly url: string
  /** Milliseconds the line has been waiting for the node since the last call of this. */
  readonly lap: () => number
  readonly close: () => Promise<void>
}

/** @param target JSON-RPC of the node */
export async function recordingNode(target: string): Promise<RecordingNode> {
  let spent = 0
  const server = createServer((req, res) => {
    const begun = performance.now()
    const chunks: Buffer[] = []
    const relay = async () => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(target, { method: 'POST', headers, body: Buffer.concat(chunks) })
      const text = await answer.text()
      spent += performance.now() - begun
      res.writeHead(200, headers).end(text)
    }
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      relay().catch(() => res.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lap: () => {
      const lap = spent
      spent = 0
      return lap
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
