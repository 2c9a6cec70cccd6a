import type { BatchOperation } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { checkedAddress } from './transaction.ts'

/** One step of a batch, as an app asks for it. Amounts are in smallest units. */
export type Operation = OperationFields & {
  /** as it is; where absent, estimated by the backend, bounded by the batch's `maxFee` */
  readonly gasLimit?: bigint
}

type OperationFields =
  /** native value, or a token */
  | { readonly type: 'transfer'; readonly to: string; readonly amount: bigint; readonly token?: string }
  | { readonly type: 'approve'; readonly token: string; readonly spender: string; readonly amount: bigint }
  | SwapFields
  | { readonly type: 'call'; readonly to: string; readonly value?: bigint; readonly data: string }

/** `swapExactTokensForTokens`; what comes out goes to the wallet. The app names the router: it is what gets the tokens. */
type SwapFields = {
  readonly type: 'swap'
  readonly router: string
  readonly tokenIn: string
  readonly tokenOut: string
  readonly amountIn: bigint
  readonly minAmountOut: bigint
  /** seconds since 1970 */
  readonly deadline: number
}

/** What an operation is on the chain. */
export type Encoded = { readonly to: string; readonly value: bigint; readonly data: string }

const SELECTORS = {
  // transfer(address,uint256)
  transfer: 'a9059cbb',
  // approve(address,uint256)
  approve: '095ea7b3',
  // swapExactTokensForTokens(uint256,uint256,address[],address,uint256)
  swap: '38ed1739',
}

/**
 * The transaction an operation must become, computed here: what the backend built is compared with it, byte for byte.
 *
 * @param wallet address that signs, and gets what a swap pays out
 * @throws {TandemError} `VALIDATION_FAILED` for an address with a wrong checksum, or an amount that does not fit
 */
export function encodeOperation(operation: Operation, wallet: string): Encoded {
  if (operation.type === 'swap') return encodeSwap(operation, wallet)
  if (operation.type === 'approve') {
    const { token, spender, amount } = operation
    return call(token, SELECTORS.approve, addressWord(spender), amountWord(amount))
  }
  if (operation.type === 'call') {
    const { to, value = 0n, data } = operation
    return { to: checkedAddress(to), value: checkedAmount(value), data: data.toLowerCase() }
  }
  const { to, amount, token } = operation
  if (token === undefined) return { to: checkedAddress(to), value: checkedAmount(amount), data: '0x' }
  return call(token, SELECTORS.transfer, addressWord(to), amountWord(amount))
}

function encodeSwap(swap: SwapFields, wallet: string): Encoded {
  const { router, tokenIn, tokenOut, amountIn, minAmountOut, deadline } = swap
  // The path stands behind the five words of the head.
  const head = [amountWord(amountIn), amountWord(minAmountOut), amountWord(160n), addressWord(wallet)]
  const path = [amountWord(2n), addressWord(tokenIn), addressWord(tokenOut)]
  return call(router, SELECTORS.swap, ...head, amountWord(BigInt(deadline)), ...path)
}

/** As the backend takes it. */
export function toWire({ gasLimit, ...operation }: Operation): BatchOperation {
  const gas = gasLimit === undefined ? {} : { gasLimit: String(checkedAmount(gasLimit)) }
  if (operation.type === 'swap') {
    const { amountIn, minAmountOut } = operation
    return { ...operation, amountIn: String(amountIn), minAmountOut: String(minAmountOut), ...gas }
  }
  if (operation.type === 'call') return { ...operation, value: String(operation.value ?? 0n), ...gas }
  if (operation.type === 'approve') return { ...operation, amount: String(operation.amount), ...gas }
  return { ...operation, amount: String(operation.amount), ...gas }
}

function call(to: string, selector: string, ...words: readonly string[]): Encoded {
  return { to: checkedAddress(to), value: 0n, data: `0x${selector}${words.join('')}` }
}

const addressWord = (address: string) => checkedAddress(address).slice(2).toLowerCase().padStart(64, '0')

const amountWord = (amount: bigint) => checkedAmount(amount).toString(16).padStart(64, '0')

function checkedAmount(amount: bigint): bigint {
  if (amount >= 0n && amount < 2n ** 256n) return amount
  throw new TandemError('VALIDATION_FAILED', 'An amount is negative or does not fit into 256 bits.')
}
