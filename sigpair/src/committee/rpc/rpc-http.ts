import { type Incoming, parseJson, type Route, route, toWireError } from '@tandem/service'
import { type CallerRequest, callerRequest, ERRORS, WireError } from '@tandem/wire'
import type { z } from 'zod'
import type { Committee } from '../committee.ts'
import { RPC, type RpcAnswer, type RpcCall, rpcCall, rpcError } from './json-rpc.ts'
import { METHODS } from './methods.ts'
import { openRpc } from './openrpc.ts'

/** The longest command is a transaction with the largest calldata, in hex. */
const MAX_CALL_BYTES = 128 * 1024

/** `POST /rpc`, and the document that describes it. Source: docs/spec/committee.md, 3.1. */
export function rpcRoutes(committee: Committee): Route[] {
  const document = openRpc()
  return [
    {
      method: 'POST',
      path: '/rpc',
      maxBytes: MAX_CALL_BYTES,
      run: async (incoming) => ({ status: 200, body: await answer(committee, incoming, document) }),
    },
    route({ method: 'GET', path: '/openrpc.json', handle: async () => ({ status: 200, body: document }) }),
  ]
}

/** Never rejects: whatever is wrong is said in JSON-RPC. */
async function answer(committee: Committee, incoming: Incoming, document: object): Promise<RpcAnswer> {
  const { requestId, log } = incoming
  const call = readCall(incoming)
  if ('refused' in call) return { jsonrpc: '2.0', id: null, error: call.refused }
  try {
    return { jsonrpc: '2.0', id: call.id, result: await serve(committee, call, document) }
  } catch (cause) {
    if (cause instanceof UnknownMethod) {
      const unknown = new WireError('NOT_FOUND', 'no such method; see rpc.discover')
      return { jsonrpc: '2.0', id: call.id, error: rpcError(unknown, requestId, RPC.method) }
    }
    const error = toWireError(cause)
    const fields = {
      event: 'rpc-failed',
      method: call.method,
      code: error.code,
      details: error.details,
      cause: error.cause,
    }
    if (ERRORS[error.code].status >= 500) log.error(fields)
    else log.info(fields)
    return { jsonrpc: '2.0', id: call.id, error: rpcError(error, requestId) }
  }
}

class UnknownMethod extends Error {
  override readonly name = 'UnknownMethod'
}

function readCall({ rawBody, requestId }: Incoming): RpcCall | { readonly refused: ReturnType<typeof rpcError> } {
  const refused = (details: string, code: number) => {
    return { refused: rpcError(new WireError('VALIDATION_FAILED', details), requestId, code) }
  }
  let json: unknown
  try {
    json = parseJson(rawBody)
  } catch (error) {
    return refused(toWireError(error).details ?? 'not JSON', RPC.parse)
  }
  if (Array.isArray(json)) return refused('batches are not served: one call at a time', RPC.call)
  const { data, error } = rpcCall.safeParse(json)
  return data ?? refused(firstIssue('call', error), RPC.call)
}

async function serve(committee: Committee, { method, params = {} }: RpcCall, document: object): Promise<object> {
  if (method === 'rpc.discover') return document
  if (!isServed(method)) throw new UnknownMethod(method)
  if (method === 'status') {
    if (Object.keys(params).length > 0) throw new WireError('VALIDATION_FAILED', 'status takes no params')
    return METHODS.status.result.parse(await committee.status())
  }
  const { data: request, error } = callerRequest.safeParse({ ...params, method })
  if (request === undefined) throw new WireError('VALIDATION_FAILED', firstIssue('params', error))
  // The schema has just made it a request of this method.
  const act = committee[method] as (request: CallerRequest) => Promise<object>
  return METHODS[method].result.parse(await act(request))
}

function isServed(method: string): method is keyof typeof METHODS {
  return Object.hasOwn(METHODS, method)
}

function firstIssue(where: string, error: z.ZodError | undefined): string {
  const issue = error?.issues[0]
  const at = [where, ...(issue?.path ?? [])].map(String).join('.')
  return `${at}: ${issue?.message ?? 'wrong'}`.slice(0, 200)
}
