import {
  callHttp,
  errorOfAnswer,
  type HttpAnswer,
  issueServiceToken,
  NoAnswer,
  noIdentity,
  type ServiceIdentity,
  type SigningKey,
} from '@tandem/service'
import { demanding, INTERNAL_VERSIONS, limits, WireError } from '@tandem/wire'
import type { BackendCall } from './forward.ts'

export type SigpairOptions = {
  /** Sigpair's internal HTTP, without a trailing slash */
  readonly url: string
  readonly key: SigningKey
  /** who we are to the platform */
  readonly identity?: ServiceIdentity | undefined
  readonly timeoutMs?: number
}

/**
 * The only place that calls Sigpair: same method, path and body, our token for the call, the backend's beside it.
 *
 * @throws {WireError} what Sigpair says, if it is on the list; `DUO_NODE_UNAVAILABLE` when it says nothing
 */
export function sigpair({ url, key, identity = noIdentity, timeoutMs = limits.INTERNAL_CALL_MS }: SigpairOptions) {
  return async (call: BackendCall, onBehalfOf: string): Promise<HttpAnswer> => {
    const { method, path, body, token } = call
    const from = { issuer: 'duo-node', subject: onBehalfOf, audience: ['sigpair'] }
    try {
      const headers = {
        ...(await identity(url)),
        ...demanding(INTERNAL_VERSIONS),
        authorization: `Bearer ${await issueServiceToken(key, from, call)}`,
        'x-tandem-caller': token,
        ...(body.length === 0 ? {} : { 'content-type': 'application/json' }),
      }
      const answer = await callHttp({ url: `${url}${path}`, method, headers, body, timeoutMs })
      if (answer.status >= 200 && answer.status < 300) return answer
      throw errorOfAnswer(answer)
    } catch (cause) {
      if (cause instanceof NoAnswer) throw new WireError('DUO_NODE_UNAVAILABLE', undefined, { cause })
      throw cause
    }
  }
}
