import { hedged } from '@tandem/rounds'
import { utf8 } from '@tandem/wire'
import type { HttpAnswer, HttpRequest, Platform, Socket } from '../platform.ts'
import type { Bridge, Host } from './bridge.ts'
import type { HttpReply } from './messages.ts'

/** The host's clockwork and network as the SDK takes them. */
export function hostPlatform(host: Host, bridge: Bridge): Platform {
  const after = timersOf(bridge)
  return {
    random: hedged((count) => drawn(host, count), utf8(`${Date.now()}`)),
    fetch: async (url, request) => fetchOver(bridge, url, request),
    connect: socketsOf(bridge),
    now: () => Date.now(),
    after,
    breathe: async () =>
      new Promise((resolve) => {
        after(0, resolve)
      }),
  }
}

/** A copy: the host's memory is the host's. @throws {TypeError} for anything but that many bytes, or for none but zeros */
function drawn(host: Host, count: number): Uint8Array {
  const bytes = host.random(count)
  if (!(bytes instanceof Uint8Array) || bytes.length !== count)
    throw new TypeError('the host’s randomness is too short')
  if (count >= 16 && bytes.every((byte) => byte === 0)) throw new TypeError('the host’s randomness is all zero')
  return bytes.slice()
}

function timersOf({ post, on }: Bridge): Platform['after'] {
  const acts = new Map<number, () => void>()
  let timers = 0
  on({
    timerFired: ({ timer }) => {
      const act = acts.get(timer)
      acts.delete(timer)
      act?.()
    },
  })
  return (ms, act) => {
    const timer = ++timers
    acts.set(timer, act)
    post('startTimer', { timer, ms })
    return () => {
      if (acts.delete(timer)) post('cancelTimer', { timer })
    }
  }
}

async function fetchOver({ ask, post }: Bridge, url: string, request: HttpRequest): Promise<HttpAnswer> {
  const { method, headers, body, signal } = request
  return new Promise((resolve, reject) => {
    let cancel = () => {}
    const give = () => {
      cancel()
      reject(new Error('the request was given up'))
    }
    if (signal.aborted) return give()
    signal.addEventListener('abort', give, { once: true })
    const asked = ask('sendRequest', { method, url, headers, body: body ?? null }, (number) => {
      cancel = () => post('cancelRequest', { request: number })
    })
    asked
      .then((reply) => resolve(answerOf(reply)))
      .catch(reject)
      .finally(() => signal.removeEventListener('abort', give))
  })
}

function answerOf(reply: unknown): HttpAnswer {
  const { status, text } = (reply ?? {}) as Partial<HttpReply>
  if (typeof status !== 'number' || typeof text !== 'string') throw new TypeError('the host gave no answer of HTTP')
  return { status, text: async () => text }
}

/** As WebSocket numbers its states. */
const [CONNECTING, OPEN, CLOSED] = [0, 1, 3]

type HostSocket = Socket & { readyState: number; protocol: string }

function socketsOf({ post, on }: Bridge): Platform['connect'] {
  const sockets = new Map<number, HostSocket>()
  let opened = 0
  const end = (socket: number, say: (found: Socket) => void) => {
    const found = sockets.get(socket)
    if (found === undefined) return
    sockets.delete(socket)
    found.readyState = CLOSED
    say(found)
  }
  on({
    socketOpened: ({ socket, subprotocol }) => {
      const found = sockets.get(socket)
      if (found === undefined) return
      found.protocol = subprotocol
      found.readyState = OPEN
      found.onopen?.()
    },
    // a copy has a buffer of its own, and nothing else is in that
    socketMessage: ({ socket, bytes }) => sockets.get(socket)?.onmessage?.({ data: bytes.slice().buffer }),
    socketClosed: ({ socket, code, reason }) => end(socket, (found) => found.onclose?.({ code, reason })),
    socketFailed: ({ socket }) => end(socket, (found) => found.onerror?.()),
  })
  return (url, subprotocols) => {
    const socket = ++opened
    const made = newSocket(post, socket, () => sockets.delete(socket))
    sockets.set(socket, made)
    post('openSocket', { socket, url, subprotocols })
    return made
  }
}

function newSocket(post: Bridge['post'], socket: number, forget: () => boolean): HostSocket {
  return {
    binaryType: 'arraybuffer',
    readyState: CONNECTING,
    protocol: '',
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (bytes) => post('sendSocket', { socket, bytes }),
    close(code = 1000) {
      this.readyState = CLOSED
      // whoever closes needs to hear nothing more
      if (forget()) post('closeSocket', { socket, code })
    },
  }
}
