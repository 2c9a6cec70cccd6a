import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** pass it on; lose it before the node hears of it; or pass it on and lose the answer */
type Fate = 'pass' | 'lose request' | 'lose answer'

/** A chain node behind a line that can be cut, per JSON-RPC method. */
export type FlakyNode = {
  readonly url: string
  fateOf: (method: string) => Fate
  readonly close: () => Promise<void>
}

export async function flakyNode(target: string): Promise<FlakyNode> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => void relay(Buffer.concat(chunks).toString()))
    const relay = async (body: string) => {
      const fate = node.fateOf((JSON.parse(body) as { method: string }).method)
      if (fate === 'lose request') return res.destroy()
      const headers = { 'content-type': 'application/json' }
      const answer = await (await fetch(target, { method: 'POST', headers, body })).text()
      if (fate === 'lose answer') return res.destroy()
      return res.writeHead(200, headers).end(answer)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const node: FlakyNode = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fateOf: () => 'pass',
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return node
}
