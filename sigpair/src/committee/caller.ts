import { randomBytes } from 'node:crypto'
import { type CallerMethod, type CallerRequest, callerRequest, callerRequestBytes, toHex } from '@tandem/wire'
import type { NodeIdentity } from './node-identity.ts'

/** How long a command may be acted on, a node that is asked second included. */
const LIVES_SECONDS = 300

/** The caller's own words are not of the documented form. */
export class WrongRequest extends Error {
  override readonly name = 'WrongRequest'
}

/**
 * A command as a node takes it, signed by its caller.
 *
 * @param params not yet judged
 * @param now    ms since 1970
 * @throws {WrongRequest} naming the first field that is wrong
 */
export function signRequest(
  caller: NodeIdentity,
  { method, params }: { readonly method: CallerMethod; readonly params: object },
  now: number,
): CallerRequest {
  const unsigned = {
    method,
    params,
    requestId: toHex(randomBytes(16)),
    expiry: Math.floor(now / 1000) + LIVES_SECONDS,
    caller: caller.name,
  }
  // Judged before it is signed: the bytes are those of the request that the nodes will read.
  const { data, error } = callerRequest.safeParse({ ...unsigned, signature: `0x${'00'.repeat(64)}` })
  if (data === undefined) {
    const issue = error.issues[0]
    throw new WrongRequest(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`)
  }
  return { ...data, signature: toHex(caller.sign(callerRequestBytes(data))) }
}

/** What goes into the params of a JSON-RPC call: its method says the rest. */
export function rpcParams(request: CallerRequest): object {
  const { method: _, ...params } = request
  return params
}
