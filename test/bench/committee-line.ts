import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What stands between the nodes of a committee: it counts every byte, and takes its time. */
export type Line = {
  /** @returns the port, on loopback, that leads to this one */
  readonly to: (port: number) => Promise<number>
  /** that have passed since it was last asked, in both directions of all connections */
  readonly lap: () => number
  /** From now on what is sent arrives after so many ms. Never less than before: what is under way would be overtaken. */
  readonly slow: (ms: number) => void
  readonly close: () => Promise<void>
}

/** A TCP proxy for each node, in this process. */
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
  return {
    async to(port) {
      const server = createServer((near) => {
        const far = connect(port, '127.0.0.1')
        forward(near, far)
        forward(far, near)
      })
      servers.push(server)
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return (server.address() as AddressInfo).port
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
