import { ERRORS, type ErrorCode } from '@tandem/wire'

/** What can go wrong on the device itself, beside the codes a service answers. */
export type DeviceErrorCode =
  /** the audit log that the service shows is not the one this device has seen */
  | 'AUDIT_ROLLED_BACK'
  /** the service answered something that is not of its own schema, or that the device did not ask for */
  | 'ANSWER_REFUSED'
  /** a backup does not open, or is not one of this wallet in the epoch in force */
  | 'BACKUP'
  /** no answer in time, or no connection */
  | 'NETWORK'
  /** the pinned Sigpair keys are not the ones this server has */
  | 'PIN_MISMATCH'
  /** the vault does not have, or cannot read, what is asked for */
  | 'VAULT'
  /** this wallet may not sign on this device until the owner re-pairs it */
  | 'WALLET_FROZEN'

/** The one error of the SDK. `code` is closed; `message` says what to do next. */
export class TandemError extends Error {
  override readonly name = 'TandemError'
  readonly code: ErrorCode | DeviceErrorCode
  readonly details: string | undefined
  /** quote this to the operator */
  readonly requestId: string | undefined
  /**
   * Beside a committee, of what a dialogue with some of it came to: the members at fault by index, empty if nobody can say who.
   * Others may do better. Undefined for everything else.
   */
  readonly members: readonly number[] | undefined

  /** without the details */
  readonly #message: string

  constructor(
    code: ErrorCode | DeviceErrorCode,
    message: string,
    more: {
      readonly details?: string
      readonly requestId?: string
      readonly members?: readonly number[]
      readonly cause?: unknown
    } = {},
  ) {
    super(more.details === undefined ? message : `${message} (${more.details})`, { cause: more.cause })
    this.code = code
    this.#message = message
    this.details = more.details
    this.requestId = more.requestId
    this.members = more.members
  }

  /** The same error, with who of a committee it came from. */
  by(members: readonly number[]): TandemError {
    const names = members.map((index) => `member ${index}`)
    const details = [this.details, ...names].filter((part) => part !== undefined).join(', ')
    const { requestId, cause } = this
    return new TandemError(this.code, this.#message, {
      ...(details === '' ? {} : { details }),
      ...(requestId === undefined ? {} : { requestId }),
      members,
      cause,
    })
  }

  /** Whether the same call may succeed later without being changed. */
  get retryable(): boolean {
    return this.code === 'NETWORK' || (this.code in ERRORS && ERRORS[this.code as ErrorCode].retryable)
  }
}
