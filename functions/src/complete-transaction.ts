import { type PrepareTransactionRequest, type UnsignedTx, WireError } from '@tandem/wire'
import type { Chain, Fees } from './ports/chain.ts'

/** EIP-1985: no chain accepts more gas than this. */
const MAX_GAS = 2n ** 63n - 1n
const MAX_WEI = 2n ** 256n - 1n

/**
 * Fills in what the request leaves open: fees, gas limit, empty calldata.
 *
 * @param to the recipient with its checksum, already checked
 * @throws {WireError} `VALIDATION_FAILED` for amounts no chain can encode, `TRANSACTION_REJECTED` when the call would
 *         revert, `CHAIN_UNAVAILABLE`
 */
export async function completeTransaction(
  chain: Chain,
  from: string,
  to: string,
  request: PrepareTransactionRequest,
): Promise<Omit<UnsignedTx, 'nonce'>> {
  const { chainId, data = '0x' } = request
  const value = amount('value', request.value, MAX_WEI)
  const gasLimit = optional('gasLimit', request.gasLimit, MAX_GAS)
  const { maxFeePerGas, maxPriorityFeePerGas } = await chooseFees(chain, request)
  return {
    type: 'eip1559',
    chainId,
    maxPriorityFeePerGas: String(maxPriorityFeePerGas),
    maxFeePerGas: String(maxFeePerGas),
    gasLimit: String(gasLimit ?? (await chain.estimateGas({ from, to, value, data }))),
    to,
    value: String(value),
    data: data.toLowerCase(),
  }
}

async function chooseFees(chain: Chain, request: PrepareTransactionRequest): Promise<Fees> {
  const cap = optional('maxFeePerGas', request.maxFeePerGas, MAX_WEI)
  const tip = optional('maxPriorityFeePerGas', request.maxPriorityFeePerGas, MAX_WEI)
  if (cap !== undefined && tip !== undefined) {
    if (tip > cap) throw new WireError('VALIDATION_FAILED', 'maxPriorityFeePerGas: above maxFeePerGas')
    return { maxFeePerGas: cap, maxPriorityFeePerGas: tip }
  }
  const suggested = await chain.suggestFees()
  if (cap !== undefined) return { maxFeePerGas: cap, maxPriorityFeePerGas: least(cap, suggested.maxPriorityFeePerGas) }
  if (tip === undefined) return suggested
  const base = suggested.maxFeePerGas - suggested.maxPriorityFeePerGas
  return { maxFeePerGas: base + tip, maxPriorityFeePerGas: tip }
}

function optional(name: string, text: string | undefined, max: bigint): bigint | undefined {
  return text === undefined ? undefined : amount(name, text, max)
}

function amount(name: string, text: string, max: bigint): bigint {
  const value = BigInt(text)
  if (value > max) throw new WireError('VALIDATION_FAILED', `${name}: too large`)
  return value
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
