import { callHttp, errorOfAnswer, type HttpAnswer, issueServiceToken, noIdentity } from '@tandem/service'
import { demanding, INTERNAL_VERSIONS } from '@tandem/wire'
import type { SigpairOptions } from './sigpair.ts'

export type SystemCall = { readonly method: string; readonly path: string; readonly json?: string }

/**
 * Asks Sigpair in nobody's name, with our token alone. Spec: docs/spec/events.md, section 3.
 *
 * @throws {WireError | NoAnswer} for everything but 200
 */
export function systemCalls({ url, key, identity = noIdentity, timeoutMs }: SigpairOptions & { timeoutMs: number }) {
  return async ({ method, path, json = '' }: SystemCall): Promise<HttpAnswer> => {
    const body = Uint8Array.from(new TextEncoder().encode(json))
    const from = { issuer: 'duo-node', subject: 'system', audience: ['sigpair'] }
    const token = await issueServiceToken(key, from, { method, path, body })
    const given = { ...demanding(INTERNAL_VERSIONS), ...(json === '' ? {} : { 'content-type': 'application/json' }) }
    const headers = { ...(await identity(url)), authorization: `Bearer ${token}`, ...given }
    const answer = await callHttp({ url: `${url}${path}`, method, headers, body, timeoutMs })
    if (answer.status !== 200) throw errorOfAnswer(answer)
    return answer
  }
}
