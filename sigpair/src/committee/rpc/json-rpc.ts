import { ERRORS, type ErrorCode, isErrorCode, toProblem, type WireError } from '@tandem/wire'
import { z } from 'zod'

/** JSON-RPC 2.0, one call at a time: no batches, no notifications (a command whose answer nobody awaits is a mistake). */

const callId = z.union([z.string().max(128), z.int()])

export const rpcCall = z.strictObject({
  jsonrpc: z.literal('2.0'),
  id: callId,
  method: z.string().max(64),
  /** by name */
  params: z.record(z.string().max(64), z.unknown()).optional(),
})
export type RpcCall = z.infer<typeof rpcCall>

/** The standard's own codes. */
export const RPC = { parse: -32_700, call: -32_600, method: -32_601, params: -32_602, internal: -32_603 } as const

export type RpcError = {
  readonly code: number
  readonly message: string
  /** the closed list's error, and whether the same request may succeed later */
  readonly data: ReturnType<typeof toProblem> & { readonly retryable: boolean }
}

export type RpcAnswer =
  | { readonly jsonrpc: '2.0'; readonly id: RpcCall['id']; readonly result: object }
  | { readonly jsonrpc: '2.0'; readonly id: RpcCall['id'] | null; readonly error: RpcError }

/** One number for each error of the closed list: the standard's if it has one, else the WebSocket close code. */
export function rpcCodeOf(code: ErrorCode): number {
  if (code === 'VALIDATION_FAILED') return RPC.params
  return code === 'INTERNAL' ? RPC.internal : ERRORS[code].close
}

export function rpcError(error: WireError, requestId: string, code = rpcCodeOf(error.code)): RpcError {
  const { message } = error
  return { code, message, data: { ...toProblem(error, requestId), retryable: ERRORS[error.code].retryable } }
}

/** An answer as a client reads it; what is not ours is none. */
export const rpcAnswer = z.union([
  z.object({ jsonrpc: z.literal('2.0'), id: callId, result: z.record(z.string(), z.unknown()) }),
  z.object({
    jsonrpc: z.literal('2.0'),
    id: callId.nullable(),
    error: z.object({
      code: z.int(),
      data: z.object({
        error: z.custom<ErrorCode>(isErrorCode),
        details: z.string().max(500).optional(),
      }),
    }),
  }),
])
