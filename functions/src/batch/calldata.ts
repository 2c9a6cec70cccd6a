import { type BatchOperation, WireError } from '@tandem/wire'
import { getAddress, Interface } from 'ethers'

/** What ethers encodes for us. Loaded when first needed, like evm.ts. */

const ERC20 = new Interface(['function transfer(address,uint256)', 'function approve(address,uint256)'])
const ROUTER = new Interface(['function swapExactTokensForTokens(uint256,uint256,address[],address,uint256)'])

const MAX = 2n ** 256n - 1n

/** What a transaction does, encoded. */
export type EncodedCall = { readonly to: string; readonly value: bigint; readonly data: string }

/** Of one kind of operation. */
type Of<Type extends BatchOperation['type']> = Extract<BatchOperation, { readonly type: Type }>

/** @throws {WireError} `VALIDATION_FAILED` naming the field */
export function encodeTransfer({ to, amount, token }: Of<'transfer'>): EncodedCall {
  const recipient = account('to', to)
  const value = amountOf('amount', amount)
  if (token === undefined) return { to: recipient, value, data: '0x' }
  return { to: account('token', token), value: 0n, data: ERC20.encodeFunctionData('transfer', [recipient, value]) }
}

/** @throws {WireError} `VALIDATION_FAILED` naming the field */
export function encodeApprove({ token, spender, amount }: Of<'approve'>): EncodedCall {
  const args = [account('spender', spender), amountOf('amount', amount)]
  return { to: account('token', token), value: 0n, data: ERC20.encodeFunctionData('approve', args) }
}

/**
 * @param router EIP-55
 * @param recipient who gets what comes out
 * @throws {WireError} `VALIDATION_FAILED` naming the field
 */
export function encodeSwap(
  { tokenIn, tokenOut, amountIn, minAmountOut }: Of<'swap'>,
  { router, recipient, deadline }: { readonly router: string; readonly recipient: string; readonly deadline: number },
): EncodedCall {
  const path = [account('tokenIn', tokenIn), account('tokenOut', tokenOut)]
  if (path[0] === path[1]) throw new WireError('VALIDATION_FAILED', 'tokenOut: the same as tokenIn')
  const amounts = [amountOf('amountIn', amountIn), amountOf('minAmountOut', minAmountOut)]
  const args = [...amounts, path, recipient, deadline]
  return { to: router, value: 0n, data: ROUTER.encodeFunctionData('swapExactTokensForTokens', args) }
}

/** @throws {WireError} `VALIDATION_FAILED` naming the field */
export function encodeCall({ to, value = '0', data }: Of<'call'>): EncodedCall {
  return { to: account('to', to), value: amountOf('value', value), data: data.toLowerCase() }
}

/** EIP-55. @throws {WireError} `VALIDATION_FAILED` for mixed case whose checksum is wrong */
export function account(name: string, address: string): string {
  try {
    return getAddress(address)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', `${name}: the EIP-55 checksum is wrong`, { cause })
  }
}

/** @throws {WireError} `VALIDATION_FAILED` above 2^256 − 1 */
export function amountOf(name: string, text: string): bigint {
  const amount = BigInt(text)
  if (amount > MAX) throw new WireError('VALIDATION_FAILED', `${name}: too large`)
  return amount
}
