import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { NodeProcess } from '../../infra/local/src/stack/committee-stack.ts'
import type { Peer } from '../../sigpair/src/committee/network.ts'

/** What stands between the nodes of a committee: it counts every byte, and takes its time. */
export type Line = {
  /** A process that finds its peers at the other end. */
  readonly between: (planned: NodeProcess) => Promise<NodeProcess>
  /** that have passed since it was last asked, in both directions of all connections */
  readonly lap: () => number
  /** From now on what is sent arrives after so many ms. Never less than before: what is under way would be overtaken. */
  readonly slow: (ms: number) => void
  readonly close: () => Promise<void>
}

/** TCP proxies in this process. */
export function openLine(): Line {
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  let bytes = 0
  let delayMs = 0
  const later = (act: () => void) => void (delayMs === 0 ? act() : setTimeout(act, delayMs))
  const forward = (from: Socket, to: Socket) => {
    sockets.add(from.setNoDelay())
    from.on('data', (chunk) => {
      bytes += chunk.length
      later(() => to.write(chunk))
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      later(() => to.destroySoon())
    })
  }
  const listen = async (target: number) => {
    const server = createServer((near) => {
      const far = connect(target, '127.0.0.1')
      forward(near, far)
      forward(far, near)
    })
    servers.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  }
  return {
    async between({ args, env }) {
      const peers = (JSON.parse(env['PEERS'] ?? '[]') as Peer[]).map(async (peer) => {
        const port = await listen(Number(peer.addresses[0]?.split('/').at(-1)))
        return { ...peer, addresses: [`/ip4/127.0.0.1/tcp/${port}`] }
      })
      return { args, env: { ...env, PEERS: JSON.stringify(await Promise.all(peers)) } }
    },
    lap() {
      const passed = bytes
      bytes = 0
      return passed
    },
    slow: (ms) => (delayMs = ms),
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map(async (server) => once(server.close(), 'close')))
    },
  }
}
