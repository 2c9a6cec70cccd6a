import { issueServiceToken, type SigningKey } from '@tandem/service'
import { SOCKET_HANDSHAKE, type SocketAnswer } from '@tandem/wire'
import { io, type Socket } from 'socket.io-client'

/** What the backend, or somebody who says so, sends. */
export type Sent = { readonly method: string; readonly path: string; readonly body?: string }

export async function tokenFor(
  key: SigningKey,
  { method, path, body = '' }: Sent,
  { subject = 'https://issuer.example|ada', nowMs = Date.now() } = {},
): Promise<string> {
  const from = { issuer: 'functions', subject, audience: ['duo-node', 'sigpair'] }
  return issueServiceToken(key, from, { method, path, body: new TextEncoder().encode(body) }, nowMs)
}

export const handshakeToken = async (key: SigningKey, options: { nowMs?: number; subject?: string } = {}) =>
  tokenFor(key, SOCKET_HANDSHAKE, { subject: 'system', ...options })

export function dial(url: string, auth: object | ((give: (auth: object) => void) => void), more: object = {}): Socket {
  return io(url, { transports: ['websocket'], auth, forceNew: true, reconnection: false, ...more })
}

/** A connection with a fresh token for each attempt. */
export async function dialed(url: string, key: SigningKey, more: object = {}): Promise<Socket> {
  const socket = dial(url, (give) => void handshakeToken(key).then((token) => give({ token })), more)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject))
  return socket
}

/** What the other side says of an attempt to connect: a problem, or undefined for a socket that was cut. */
export async function refusalOf(socket: Socket): Promise<{ readonly error?: string } | undefined> {
  const error = await new Promise<Error & { data?: object }>((resolve) => socket.once('connect_error', resolve))
  socket.close()
  return error.data
}

export async function emit(socket: Socket, event: string, ...given: readonly unknown[]): Promise<SocketAnswer> {
  return (await socket.timeout(5_000).emitWithAck(event, ...given)) as SocketAnswer
}

/** What comes with this event next. */
export async function heard(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve))
}
