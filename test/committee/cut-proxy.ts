import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Bytes in one direction between two nodes, whoever has dialled. What is changed is in force for what comes from then on. */
export type Lane = {
  /** nothing passes, and nobody is told */
  readonly stall: () => void
  readonly flow: () => void
  /** each chunk waits this long, and as long as its bytes take */
  readonly slow: (line: { readonly delayMs: number; readonly bytesPerSecond: number }) => void
  /** What becomes of chunks until it says that it is done. */
  readonly tamper: (how: Tamper) => void
  /** @returns how many bytes have passed */
  readonly passed: () => number
  readonly through: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>
}

export type Tamper = (chunk: Buffer) => { readonly chunks: readonly Buffer[]; readonly done: boolean }

/** The next chunk comes twice. */
export const repeating = (): Tamper => (chunk) => ({ chunks: [chunk, chunk], done: true })

/** The next two chunks change places. */
export function swapping(): Tamper {
  let first: Buffer | undefined
  return (chunk) => {
    if (first !== undefined) return { chunks: [chunk, first], done: true }
    first = chunk
    return { chunks: [], done: false }
  }
}

/** @param heard called whenever bytes have passed */
export function openLane(heard: () => void = () => undefined): Lane {
  let stalled: PromiseWithResolvers<void> | undefined
  let line = { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }
  let tamper: Tamper | undefined
  let passed = 0
  return {
    stall: () => void (stalled ??= Promise.withResolvers<void>()),
    flow: () => {
      stalled?.resolve()
      stalled = undefined
    },
    slow: (next) => void (line = next),
    tamper: (how) => void (tamper = how),
    passed: () => passed,
    async *through(source) {
      for await (const chunk of source) {
        const ms = line.delayMs + (1_000 * chunk.length) / line.bytesPerSecond
        if (ms > 0) await sleep(ms)
        passed += chunk.length
        heard()
        await stalled?.promise
        const { chunks, done } = tamper?.(chunk) ?? { chunks: [chunk], done: true }
        if (done) tamper = undefined
        yield* chunks
      }
    },
  }
}

export type CutProxy = {
  readonly port: number
  /** Ends what is connected, and whoever dials finds nobody. */
  readonly cut: () => void
  readonly mend: () => void
  readonly close: () => Promise<void>
}

/** Forwards TCP connections to a port of this machine, for as long as it is let. */
export async function openCutProxy(
  target: number,
  lanes: { readonly there: Lane; readonly back: Lane },
): Promise<CutProxy> {
  const sockets = new Set<Socket>()
  let isCut = false
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    return socket.setNoDelay(true)
  }
  const end = () => sockets.forEach((socket) => socket.destroy())
  const server = createServer((near) => {
    keep(near)
    if (isCut) {
      near.destroy()
      return
    }
    const far = keep(connect(target, '127.0.0.1'))
    const both = [pipeline(near, lanes.there.through, far), pipeline(far, lanes.back.through, near)]
    for (const one of both) {
      one.catch(() => {
        near.destroy()
        far.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true
      end()
    },
    mend: () => void (isCut = false),
    close: async () => {
      end()
      server.close()
      await once(server, 'close')
    },
  }
}
