import type { IncomingMessage } from 'node:http'
import {
  ERRORS,
  type ErrorCode,
  isErrorCode,
  limits,
  MUX_HEADER_BYTES,
  subprotocolOf,
  subprotocolsOf,
} from '@tandem/wire'
import { WebSocket } from 'ws'
import type { Arrival, Language } from '../server.ts'

/** How a line ended: a close code of RFC 6455 or of our list, and its reason. */
export type End = { readonly code: number; readonly reason: string }

/** One WebSocket as the gateway uses it: binary messages in order, one at a time, and one last word. */
export type Line = {
  /** Resolves when the system has taken the message, or the line is gone. Before the line stands it waits. */
  readonly send: (bytes: Uint8Array) => Promise<void>
  /** What arrives from now on. Once, before anything can arrive. */
  readonly hear: (on: (bytes: Uint8Array) => void) => void
  /** Nothing more is read until `resume`. */
  readonly pause: () => void
  readonly resume: () => void
  /** Once; later calls and later messages are ignored. */
  readonly close: (code: number, reason: string) => void
  /** Resolves when it is gone, whoever ended it. */
  readonly gone: Promise<End>
}

export const endOf = (code: ErrorCode, reason: string = code): End => ({ code: ERRORS[code].close, reason })

/** A device's socket to a gateway. Source: docs/spec/gateway.md 2.1. */
export const COMMITTEE: Language<Line> = {
  family: 'tandem.committee',
  maxPayload: limits.MAX_SOCKET_PAYLOAD + MUX_HEADER_BYTES,
  socketOver: (ws) => lineOver(ws, Promise.resolve()),
}

/** How long a peer may take to answer a close frame before the connection is cut. */
const CLOSE_MS = 2_000

/** What a refused upgrade may say; ours are a tenth of it. */
const MAX_REFUSAL_BYTES = 4_096

/**
 * Opens a member's side of a leg. The member is offered what the device offered, and chooses by itself: the device has been
 * told a version already, so a leg of another one ends.
 *
 * @param url     of the operation, ws(s)
 * @param arrival the device's; its address as we count it: the member counts it, too
 */
export function dialMember(
  url: string,
  { address, agreement }: Pick<Arrival, 'address' | 'agreement'>,
  timeoutMs: number,
): Line {
  const ws = new WebSocket(url, subprotocolsOf('tandem', agreement.offered), {
    perMessageDeflate: false,
    maxPayload: limits.MAX_SOCKET_PAYLOAD,
    handshakeTimeout: timeoutMs,
    followRedirects: false,
    headers: { 'x-forwarded-for': address },
    ...{ closeTimeout: CLOSE_MS }, // missing from its types
  })
  let refusal: End | undefined
  ws.once('open', () => {
    if (ws.protocol === subprotocolOf('tandem', agreement.version)) return
    refusal = endOf('VERSION_UNSUPPORTED')
    ws.terminate()
  })
  ws.on('unexpected-response', (_request, answer) => {
    void refusalIn(answer).then((end) => {
      refusal = end
      ws.terminate()
    })
  })
  const opened = new Promise<void>((resolve) => {
    ws.once('open', resolve)
    ws.once('close', () => resolve())
  })
  const line = lineOver(ws, opened)
  return { ...line, gone: line.gone.then((end) => refusal ?? end) }
}

function lineOver(ws: WebSocket, opened: Promise<void>): Line {
  let hear: (bytes: Uint8Array) => void = () => undefined
  let closing = false
  const close = (code: number, reason: string) => {
    if (closing) return
    closing = true
    ws.close(mayBeSent(code) ? code : 1000, reason)
  }
  ws.on('message', (data: Buffer, isBinary) => {
    if (closing) return
    if (isBinary) hear(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    else close(ERRORS.FRAME_INVALID.close, 'FRAME_INVALID')
  })
  // ws has already answered 1009 or 1002 by itself, and 'close' follows.
  ws.on('error', () => undefined)
  const gone = new Promise<End>((resolve) => {
    ws.once('close', (code: number, reason: Buffer) => resolve(endFrom(code, reason.toString())))
  })
  return {
    send: async (bytes) => {
      await opened
      if (ws.readyState !== ws.OPEN) return
      await new Promise<void>((resolve) => ws.send(bytes, () => resolve()))
    },
    hear: (on) => {
      hear = on
    },
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    close,
    gone,
  }
}

/** Whoever breaks off, or was never there, says nothing; whoever ends without a code is done. */
function endFrom(code: number, reason: string): End {
  if (code === 1006) return endOf('UNAVAILABLE')
  return code === 1005 ? { code: 1000, reason } : { code, reason }
}

/** Codes that a close frame can carry. Source: RFC 6455, 7.4. */
function mayBeSent(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
}

/** A member refuses an upgrade in the documented form; whatever else answers is not a member that serves. */
async function refusalIn(answer: IncomingMessage): Promise<End> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      if (Buffer.concat(chunks).length > MAX_REFUSAL_BYTES) return endOf('UNAVAILABLE')
    }
    const said: unknown = JSON.parse(Buffer.concat(chunks).toString())
    const code = typeof said === 'object' && said !== null && 'error' in said ? said.error : undefined
    return endOf(isErrorCode(code) ? code : 'UNAVAILABLE')
  } catch {
    return endOf('UNAVAILABLE')
  }
}
