import { callHttp, NoAnswer, parseJson } from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { z } from 'zod'
import { rpcAnswer } from './json-rpc.ts'
import { METHODS } from './methods.ts'

/** A node that has not said that it is there within this time is silent. */
const SILENT_MS = 2_000

/** A little more than a node takes for itself. */
const CALL_MS = 65_000

/** No node answered, in the order in which they were asked. */
export class NobodyAnswers extends Error {
  override readonly name = 'NobodyAnswers'

  constructor(nodes: readonly string[], cause: unknown) {
    super(`no node answers: ${nodes.join(', ')}`, { cause })
  }
}

/** What came of a call, and which node said so. */
export type Answered = { readonly result: object; readonly node: string }

/**
 * Asks the nodes one after the other until one answers. What is not answered may have been done, so the same request is
 * asked again: nodes know it by its id.
 *
 * @param nodes  URLs of their APIs, without a path
 * @param silent called for each node that did not answer
 * @throws {WireError}      the error that a node answered with, unless the next one may do better
 * @throws {NobodyAnswers}
 */
export async function callAnyNode(
  nodes: readonly string[],
  { method, params = {} }: { readonly method: keyof typeof METHODS; readonly params?: object },
  silent: (node: string) => void = () => undefined,
): Promise<Answered> {
  let last: unknown
  for (const node of nodes) {
    try {
      await requireAlive(node)
      return { result: await callNode(node, method, params), node }
    } catch (cause) {
      if (!isPassing(cause)) throw cause
      last = cause
      silent(node)
    }
  }
  if (last instanceof WireError) throw last
  throw new NobodyAnswers(nodes, last)
}

/** A stopped process takes connections and never answers: asking for its health first costs little. */
async function requireAlive(node: string): Promise<void> {
  const url = `${node}/health/live`
  const { status } = await callHttp({ url, method: 'GET', headers: {}, body: new Uint8Array(), timeoutMs: SILENT_MS })
  if (status !== 200) throw new NoAnswer(`not alive: ${status}`)
}

async function callNode(node: string, method: keyof typeof METHODS, params: object): Promise<object> {
  const body = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const headers = { 'content-type': 'application/json' }
  const { status, body: answered } = await callHttp({
    url: `${node}/rpc`,
    method: 'POST',
    headers,
    body,
    timeoutMs: CALL_MS,
  })
  const answer = answerIn(answered)
  if (answer === undefined) throw new NoAnswer(`an answer of status ${status} that is not JSON-RPC`)
  if ('error' in answer) throw new WireError(answer.error.data.error, answer.error.data.details)
  return METHODS[method].result.parse(answer.result)
}

function answerIn(body: Uint8Array): z.infer<typeof rpcAnswer> | undefined {
  try {
    return rpcAnswer.parse(parseJson(body))
  } catch {
    return undefined
  }
}

/** Another node may know better, or may do it. */
function isPassing(cause: unknown): boolean {
  return cause instanceof NoAnswer || (cause instanceof WireError && cause.code === 'UNAVAILABLE')
}
