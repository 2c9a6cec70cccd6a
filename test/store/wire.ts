import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A wire to a server that can lose answers. */
export type Wire = {
  /** host:port */
  readonly host: string
  /** from now on questions go through and answers do not */
  readonly loseAnswers: () => void
  /** resolves with the next question after {@link Wire.loseAnswers} */
  readonly asked: () => Promise<void>
  /** breaks every connection; new ones work */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

export async function openWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(`http://${target}`)
  const sockets = new Set<Socket>()
  let losing = false
  let question = Promise.withResolvers<void>()

  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk) => {
      far.write(chunk)
      if (losing) question.resolve()
    })
    far.on('data', (chunk) => {
      if (!losing) near.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { readonly port: number }

  const cut = () => {
    losing = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    host: `127.0.0.1:${address.port}`,
    loseAnswers: () => {
      question = Promise.withResolvers()
      losing = true
    },
    asked: () => question.promise,
    cut,
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
