import { WireError } from '@tandem/wire'

/**
 * JSON-RPC to one chain node. Not a provider of a library: those retry for ever, print, and turn the node's refusals into
 * their own words; here a call ends at its deadline and a refusal keeps its code.
 */
export type Rpc = (method: string, params: readonly unknown[]) => Promise<unknown>

/** The node answered, and refused. `reason` is the node's text: for our log and our classes, never for a caller. */
export class RpcRefusal extends Error {
  override readonly name = 'RpcRefusal'
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`the node refuses: ${code} ${reason}`)
    this.code = code
    this.reason = reason
  }
}

/** A call to a chain node, first byte to last. Public nodes answer within a second; past this they are down. */
const CALL_MS = 8_000

/** The largest answer we ask for is a block header with its transaction hashes. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024

/** JSON-RPC: "limit exceeded", used by hosted nodes like HTTP 429. */
const LIMIT_EXCEEDED = -32005

/**
 * @throws {RpcRefusal} the node understood and refused
 * @throws {WireError} `CHAIN_UNAVAILABLE` the node cannot be reached, is too slow, too busy, or answers no JSON-RPC
 */
export function rpc(url: string): Rpc {
  return async (method, params) => {
    const answer = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    if (isRecord(answer) && isRecord(answer['error'])) throw refusalOf(answer['error'])
    if (!isRecord(answer) || answer['result'] === undefined) throw unavailable(`${method}: no JSON-RPC answer`)
    return answer['result']
  }
}

async function post(url: string, body: string): Promise<unknown> {
  try {
    const signal = AbortSignal.timeout(CALL_MS)
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' })
    const text = await readText(response)
    // Some nodes answer a refusal with HTTP 400 or 500 and a JSON-RPC error in the body; others with HTML.
    if (response.status === 429) throw unavailable('the node is rate limiting us')
    return JSON.parse(text)
  } catch (cause) {
    if (cause instanceof WireError) throw cause
    throw unavailable('no answer', cause)
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw unavailable('an answer larger than we ask for')
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function refusalOf(error: Readonly<Record<string, unknown>>): Error {
  const code = typeof error['code'] === 'number' ? error['code'] : 0
  const reason = typeof error['message'] === 'string' ? error['message'].slice(0, 500) : ''
  return code === LIMIT_EXCEEDED ? unavailable('the node is rate limiting us') : new RpcRefusal(code, reason)
}

function unavailable(what: string, cause?: unknown): WireError {
  return new WireError('CHAIN_UNAVAILABLE', undefined, { cause: new Error(what, { cause }) })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
