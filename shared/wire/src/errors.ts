/** One row of the closed list: what a caller sees of a failure. Source: docs/spec/errors.md. */
type ErrorRow = {
  /** HTTP status */
  readonly status: number
  /** WebSocket close code, 4000–4099, one to one */
  readonly close: number
  /** whether the same request may succeed later without being changed */
  readonly retryable: boolean
  /** one sentence for people: what happened and what to do next */
  readonly message: string
}

/** Every error a caller can see, over HTTP, Socket.IO or WebSocket. Nothing else leaves a service. */
export const ERRORS = {
  VALIDATION_FAILED: row(400, 4000, 'no', 'The request is not of the documented form; details names the field.'),
  UNAUTHENTICATED: row(401, 4001, 'no', 'Sign in again: the token is missing, expired or not for this service.'),
  TICKET_INVALID: row(401, 4002, 'no', 'Ask for a new ticket: this one is expired, used, or not for this operation.'),
  TWO_FACTOR_REQUIRED: row(401, 4003, 'no', 'Send twoFactorCode with this request.'),
  TWO_FACTOR_INVALID: row(401, 4004, 'no', 'The second-factor code is wrong or was used before.'),
  FORBIDDEN: row(403, 4005, 'no', 'This caller may not do that.'),
  POLICY_DENIED: row(403, 4006, 'no', 'The policy of this profile refuses the transaction; details names the rule.'),
  NOT_FOUND: row(404, 4007, 'no', 'There is nothing here that belongs to this caller.'),
  KEY_PENDING: row(409, 4008, 'yes', 'Key generation has not been committed yet.'),
  EPOCH_MISMATCH: row(409, 4009, 'no', 'The key has moved to another epoch; reconcile the device first.'),
  SESSION_CONSUMED: row(409, 4010, 'no', 'This session was already used; prepare a new transaction.'),
  PRESIGNATURE_CONSUMED: row(409, 4011, 'no', 'This presignature is spent or unknown; sign again with another one.'),
  KEY_BUSY: row(409, 4012, 'yes', 'Another operation on this key is under way.'),
  REQUEST_IN_PROGRESS: row(409, 4013, 'yes', 'The same request is being worked on; repeat it for its result.'),
  KEY_DELETED: row(410, 4014, 'no', 'This key was deleted; its id is never used again.'),
  PAYLOAD_TOO_LARGE: row(413, 4015, 'no', 'The body is larger than this call takes.'),
  IDEMPOTENCY_MISMATCH: row(422, 4016, 'no', 'This Idempotency-Key was used with another body.'),
  TRANSACTION_REJECTED: row(422, 4017, 'no', 'The chain refuses this transaction; details says why.'),
  KEY_FROZEN: row(423, 4018, 'no', 'The key is frozen after a failed check; the owner must re-pair it.'),
  RATE_LIMITED: row(429, 4019, 'yes', 'Too many requests; wait for Retry-After seconds.'),
  INVALID_KEY_SHARE: row(400, 4020, 'no', 'Key share not found or corrupted'),
  MPC_SIGNING_FAILED: row(500, 4021, 'yes', 'Failed to complete MPC signing protocol'),
  PROTOCOL_ABORTED: row(409, 4022, 'no', 'The run was aborted.'),
  FRAME_INVALID: row(400, 4023, 'no', 'A frame is not of the documented form.'),
  FRAME_TOO_LARGE: row(413, 4024, 'no', 'A frame is larger than the protocol allows.'),
  INTERNAL: row(500, 4025, 'yes', 'Something failed on our side; the request id leads us to the cause.'),
  CHAIN_UNAVAILABLE: row(502, 4026, 'yes', 'The chain node cannot be reached; nothing was lost, repeat the request.'),
  DUO_NODE_UNAVAILABLE: row(503, 4027, 'yes', 'Cannot connect to MPC infrastructure'),
  UNAVAILABLE: row(503, 4028, 'yes', 'The service is starting, stopping or overloaded; repeat the request.'),
  VERSION_UNSUPPORTED: row(426, 4029, 'no', 'This version is not served here; details names those that are.'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** What a caller sees. `details` is ours to word: never a cause, a stack, a secret or a peer's text. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: ErrorCode
  readonly details: string | undefined
  /** seconds, for `Retry-After` */
  readonly retryAfter: number | undefined

  constructor(
    code: ErrorCode,
    details?: string,
    options: { readonly cause?: unknown; readonly retryAfter?: number } = {},
  ) {
    super(ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = details
    this.retryAfter = options.retryAfter
  }
}

/** The body of every error answer: seed 003's shape, with the members RFC 9457 lets us add. */
export type Problem = {
  readonly error: ErrorCode
  readonly message: string
  readonly statusCode: number
  readonly details?: string
  readonly requestId: string
}

export function toProblem(error: WireError, requestId: string): Problem {
  const { status, message } = ERRORS[error.code]
  return {
    error: error.code,
    message,
    statusCode: status,
    ...(error.details === undefined ? {} : { details: error.details }),
    requestId,
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}

/** The error behind a WebSocket close code, or undefined for codes that are not ours. */
export function errorOfClose(close: number): ErrorCode | undefined {
  return (Object.keys(ERRORS) as ErrorCode[]).find((code) => ERRORS[code].close === close)
}

function row(status: number, close: number, retry: 'yes' | 'no', message: string): ErrorRow {
  return { status, close, retryable: retry === 'yes', message }
}
