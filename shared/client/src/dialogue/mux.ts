import { decodeMux, encodeMux, errorOfClose, ERRORS, limits, type MuxMessage, WireError } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import type { Platform, Socket } from '../platform.ts'
import { versionError } from '../versions.ts'

/** One socket to a gateway, as one socket to each member. Source: docs/spec/gateway.md, section 2. */
export type Mux = {
  /** the members the gateway reaches, by index */
  readonly reached: Promise<readonly number[]>
  /** a socket of its own for the dialogue with one member; once for each */
  readonly connect: (index: number) => Socket
  readonly close: () => void
}

const OPEN = 1
const CLOSED = 3
const GOING_AWAY = 1_001
/** Of a peer that said what no peer of ours says. */
const NONSENSE = ERRORS.FRAME_INVALID.close

/** @param socket to the gateway, just made, subprotocols `tandem.committee.v…` */
export function openMux({ after }: Pick<Platform, 'after'>, socket: Socket): Mux {
  const legs = new Map<number, VirtualSocket>()
  const first = deferred<readonly number[]>()
  const end = (code: number, reason: string) => {
    cancel()
    first.reject(gatewayGone(code, reason))
    for (const leg of legs.values()) leg.end(code, reason)
    socket.close()
  }
  const cancel = after(limits.HANDSHAKE_MS, () => {
    end(GOING_AWAY, '')
  })
  const take = (message: MuxMessage) => {
    if (message.type === 'nodes') {
      cancel()
      first.resolve(message.nodes)
    } else if (message.type === 'close') legs.get(message.index)?.end(message.code, message.reason)
    else legs.get(message.index)?.deliver(message.payload)
  }
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => {
    const message = data instanceof ArrayBuffer ? readOf(new Uint8Array(data)) : undefined
    // Who the gateway reaches it says once, and first.
    if (message === undefined || (message.type === 'nodes') === first.isSettled()) end(NONSENSE, '')
    else take(message)
  }
  socket.onerror = () => {
    end(GOING_AWAY, '')
  }
  socket.onclose = ({ code, reason }) => {
    end(code, reason)
  }
  return {
    reached: first.promise,
    connect: (index) => {
      const leg = virtualSocket(legProtocol(socket), (message) => {
        socket.send(encodeMux({ ...message, index }))
      })
      legs.set(index, leg)
      return leg
    },
    close: () => {
      end(GOING_AWAY, '')
    },
  }
}

type Outgoing =
  | { readonly type: 'data'; readonly payload: Uint8Array }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }

type VirtualSocket = Socket & {
  readonly deliver: (payload: Uint8Array) => void
  readonly end: (code: number, reason: string) => void
}

/** A leg is of the version that the gateway's socket is of. */
function legProtocol({ protocol = '' }: Socket): string {
  return protocol.replace(/^tandem\.committee\./, 'tandem.')
}

/** Opens by itself, in a moment: the gateway connects to the member when it hears the first message. */
function virtualSocket(protocol: string, send: (message: Outgoing) => void): VirtualSocket {
  let state = OPEN
  const leg: VirtualSocket = {
    protocol,
    binaryType: 'arraybuffer',
    get readyState() {
      return state
    },
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (payload) => {
      if (state === OPEN) send({ type: 'data', payload })
    },
    close: (code = 1_000, reason = '') => {
      if (state !== OPEN) return
      state = CLOSED
      send({ type: 'close', code, reason })
    },
    deliver: (payload) => {
      if (state === OPEN) leg.onmessage?.({ data: payload.slice().buffer })
    },
    end: (code, reason) => {
      if (state !== OPEN) return
      state = CLOSED
      leg.onclose?.({ code, reason })
    },
  }
  void Promise.resolve().then(() => {
    if (state === OPEN) leg.onopen?.()
  })
  return leg
}

function readOf(bytes: Uint8Array): MuxMessage | undefined {
  try {
    return decodeMux(bytes)
  } catch (cause) {
    if (cause instanceof WireError) return undefined
    throw cause
  }
}

function gatewayGone(code: number, reason: string): TandemError {
  const known = errorOfClose(code)
  if (known === 'VERSION_UNSUPPORTED') return versionError(reason)
  if (known !== undefined) return new TandemError(known, ERRORS[known].message)
  return new TandemError('NETWORK', 'The gateway cannot be reached; check the connection and repeat.')
}

function deferred<T>() {
  let settled = false
  let settle: { resolve: (value: T) => void; reject: (error: Error) => void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  promise.catch(() => undefined)
  return {
    promise,
    isSettled: () => settled,
    resolve: (value: T) => {
      settled = true
      settle?.resolve(value)
    },
    reject: (error: Error) => {
      settled = true
      settle?.reject(error)
    },
  }
}
