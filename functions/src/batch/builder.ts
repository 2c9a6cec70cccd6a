import { toWireError } from '@tandem/service'
import { type BatchOperation, WireError } from '@tandem/wire'

/** A transaction of a batch, without what the chain decides: nonce and fees. Amounts in wei and gas. */
export type BuiltOperation = {
  /** place in the request of what it is for, or one step of */
  readonly operation: number
  /** EIP-55 */
  readonly to: string
  readonly value: bigint
  /** 0x-hex, lower case */
  readonly data: string
  /** taken as it is */
  readonly gasLimit?: bigint
  /** enough for any ordinary contract, where the chain cannot tell yet */
  readonly usualGas?: bigint
}

export type BuildRequest = {
  readonly chainId: number
  /** who signs and pays; EIP-55 */
  readonly from: string
  readonly operations: readonly BatchOperation[]
  /** of swaps that name none; seconds since 1970 */
  readonly deadline: number
}

/**
 * Makes transactions of what is wanted, in order.
 *
 * @throws {WireError} `VALIDATION_FAILED`, `TRANSACTION_REJECTED`, `details` beginning with the operation it is about
 */
export type BuildOperations = (request: BuildRequest) => Promise<readonly BuiltOperation[]>

/** The same error, saying which operation it is about. */
export function ofOperation(index: number, error: unknown): WireError {
  const { code, details, retryAfter } = toWireError(error)
  const what = details === undefined ? `operation ${index}` : `operation ${index}: ${details}`
  return new WireError(code, what, { cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

/** Runs `act`; an error says which operation it is about. */
export async function naming<R>(index: number, act: () => R | Promise<R>): Promise<R> {
  try {
    return await act()
  } catch (error) {
    throw ofOperation(index, error)
  }
}

/** Requests at once to a node or a builder: fifty would be a burst, one after the other too slow. */
const AT_ONCE = 8

/** `act` for each, some at a time, answers in order. The error of the first that fails is thrown. */
export async function inGroups<T, R>(items: readonly T[], act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const done: R[] = []
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const group = items.slice(from, from + AT_ONCE)
    done.push(...(await Promise.all(group.map((item, i) => act(item, from + i)))))
  }
  return done
}
