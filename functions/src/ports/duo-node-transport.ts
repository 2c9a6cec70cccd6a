import { callHttp, type HttpAnswer, noIdentity, type ServiceIdentity, type SigningKey } from '@tandem/service'
import { demanding, INTERNAL_VERSIONS, limits } from '@tandem/wire'

/** One call, with the token for it. */
export type DuoNodeCall = {
  readonly method: string
  readonly path: string
  /** empty for none */
  readonly body: Uint8Array<ArrayBuffer>
  readonly token: string
}

/** Brings a call to duo-node and its answer back. @throws {NoAnswer} when there is none in time */
export type Transport = (call: DuoNodeCall) => Promise<HttpAnswer>

export type TransportOptions = {
  /** without a trailing slash */
  readonly url: string
  /** signs the token of a connection */
  readonly key: SigningKey
  /** who we are to the platform */
  readonly identity?: ServiceIdentity | undefined
  readonly timeoutMs?: number
}

/** duo-node waits for Sigpair and has something to say when Sigpair does not answer; give it the time to say it. */
const CALL_MS = limits.INTERNAL_CALL_MS + 1_500

/** HTTP for `http:` and `https:`, one lasting Socket.IO connection for `ws:` and `wss:`. */
export function transportTo({ url, key, identity = noIdentity, timeoutMs = CALL_MS }: TransportOptions): Transport {
  if (!/^wss?:/.test(url)) return overHttp({ url, identity, timeoutMs })
  let opened: Promise<Transport> | undefined
  return async (call) => {
    opened ??= import('./duo-node-socket.ts').then(({ overSocket }) => overSocket({ url, key, identity, timeoutMs }))
    return (await opened)(call)
  }
}

type HttpOptions = { readonly url: string; readonly identity: ServiceIdentity; readonly timeoutMs: number }

export function overHttp({ url, identity, timeoutMs }: HttpOptions): Transport {
  return async ({ method, path, body, token }) => {
    const type = body.length === 0 ? {} : { 'content-type': 'application/json' }
    const given = { ...demanding(INTERNAL_VERSIONS), ...type }
    const headers = { ...(await identity(url)), authorization: `Bearer ${token}`, ...given }
    return callHttp({ url: `${url}${path}`, method, headers, body, timeoutMs })
  }
}
