import { callHttp, type HttpAnswer, issueServiceToken, NoAnswer, parseJson, type SigningKey } from '@tandem/service'
import { canonicalJson, demanding, INTERNAL_VERSIONS, isErrorCode, utf8, WireError } from '@tandem/wire'

/** One internal call, as every member gets it. */
export type MemberCall = {
  readonly method: string
  /** path and query as they stand in the request line: what tokens are bound to */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
  /** of the gateway's own: it follows from another one */
  readonly isOwn?: true
}

export type Fields = Readonly<Record<string, unknown>>

/** What one member made of a call. */
export type Word =
  | { readonly index: number; readonly said: 'done'; readonly body: Fields }
  | { readonly index: number; readonly said: 'refused'; readonly error: WireError }
  /** whether it has done it is unknown */
  | { readonly index: number; readonly said: 'nothing'; readonly cause: unknown }

export type Done = Extract<Word, { said: 'done' }>

/** Asks one member; never rejects. */
export async function askMember(
  { index, url, timeoutMs }: { readonly index: number; readonly url: string; readonly timeoutMs: number },
  { method, target, headers, body }: MemberCall,
): Promise<Word> {
  try {
    return { index, ...wordIn(await callHttp({ url: `${url}${target}`, method, headers, body, timeoutMs })) }
  } catch (cause) {
    return { index, said: 'nothing', cause }
  }
}

type Meaning = Omit<Done, 'index'> | Omit<Extract<Word, { said: 'refused' }>, 'index'>

/** @throws {NoAnswer} for an answer that is not one of ours */
function wordIn({ status, body }: HttpAnswer): Meaning {
  const fields = fieldsIn(body)
  if (status === 200) return { said: 'done', body: fields }
  const { error: code, details } = fields
  if (!isErrorCode(code)) throw new NoAnswer(`an answer of status ${status} that is not of our form`)
  const error = new WireError(code, typeof details === 'string' ? details.slice(0, 500) : undefined)
  return { said: 'refused', error }
}

function fieldsIn(body: Uint8Array): Fields {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NoAnswer('no JSON object')
  return { ...value }
}

/** A call of the gateway's own. Source: docs/spec/gateway.md 4.7. */
export async function ownCall(key: SigningKey, method: string, path: string, json?: object): Promise<MemberCall> {
  const body = Uint8Array.from(json === undefined ? [] : utf8(canonicalJson(json)))
  const from = { issuer: 'gateway', subject: 'system', audience: ['sigpair'] }
  const token = await issueServiceToken(key, from, { method, path, body })
  const type = json === undefined ? {} : { 'content-type': 'application/json' }
  const headers = { authorization: `Bearer ${token}`, ...demanding(INTERNAL_VERSIONS), ...type }
  return { method, target: path, body, headers, isOwn: true }
}
