import type { Socket } from '@tandem/client'

type Between = {
  /** around what the device sends */
  readonly sending?: (send: () => void) => void
  /** around what it hears */
  readonly hearing?: (data: unknown, hear: (data: unknown) => void) => void
}

/** A socket with somebody between it and the device. */
export function wrapSocket(
  socket: Socket,
  { sending = (send) => send(), hearing = (data, hear) => hear(data) }: Between,
): Socket {
  socket.binaryType = 'arraybuffer'
  const wrapped: Socket = {
    get protocol() {
      return socket.protocol ?? ''
    },
    binaryType: 'arraybuffer',
    get readyState() {
      return socket.readyState
    },
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (bytes) => sending(() => socket.send(bytes)),
    close: (code, reason) => socket.close(code, reason),
  }
  socket.onopen = () => wrapped.onopen?.()
  socket.onmessage = (event) => hearing(event.data, (data) => wrapped.onmessage?.({ data }))
  socket.onclose = (event) => wrapped.onclose?.(event)
  socket.onerror = () => wrapped.onerror?.()
  return wrapped
}
