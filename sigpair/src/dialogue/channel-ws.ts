import { WireError } from '@tandem/wire'
import type { WebSocket } from 'ws'

/** Messages that may wait to be read. A device that keeps to the rounds is never two ahead. */
const MAX_WAITING = 4

/** The peer is gone: nobody is left to tell. */
export class SocketLost extends Error {
  override readonly name = 'SocketLost'
}

/** One device's WebSocket: binary messages in order, bounded, and one last word. */
export type DeviceSocket = {
  /**
   * The next message, in order.
   *
   * @throws {WireError} `FRAME_INVALID` for text or for messages faster than the rounds allow, `FRAME_TOO_LARGE`
   * @throws {SocketLost} when the device has left
   */
  readonly next: () => Promise<Uint8Array>
  readonly send: (bytes: Uint8Array) => void
  /** Once; later calls and later messages are ignored. */
  readonly close: (code: number, reason: string) => void
  /** Resolves when the socket is gone, whoever ended it. */
  readonly gone: Promise<void>
}

export function deviceSocket(ws: WebSocket): DeviceSocket {
  const waiting: Uint8Array[] = []
  let reader: { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void } | undefined
  let failure: Error | undefined
  let closing = false

  const fail = (error: Error) => {
    failure ??= error
    reader?.reject(failure)
    reader = undefined
  }
  const accept = (bytes: Uint8Array) => {
    if (failure) return
    if (reader) {
      reader.resolve(bytes)
      reader = undefined
    } else if (waiting.length < MAX_WAITING) waiting.push(bytes)
    else fail(new WireError('FRAME_INVALID', 'out of turn'))
  }

  ws.on('message', (data: Buffer, isBinary) => {
    if (isBinary) accept(new Uint8Array(data))
    else fail(new WireError('FRAME_INVALID', 'text'))
  })
  ws.on('error', (cause: Error & { readonly code?: string }) => {
    // ws has already answered 1009 or 1002 by itself; what is left is to end the dialogue.
    const tooLarge = cause.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    fail(new WireError(tooLarge ? 'FRAME_TOO_LARGE' : 'FRAME_INVALID', undefined, { cause }))
  })
  const gone = new Promise<void>((resolve) => {
    ws.once('close', () => {
      fail(new SocketLost())
      resolve()
    })
  })

  return {
    next: () => {
      const early = waiting.shift()
      if (early) return Promise.resolve(early)
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        reader = { resolve, reject }
      })
    },
    send: (bytes) => {
      if (ws.readyState === ws.OPEN) ws.send(bytes)
    },
    close: (code, reason) => {
      if (closing) return
      closing = true
      ws.close(code, reason)
    },
    gone,
  }
}
