import { type UnsignedTx, WireError } from '@tandem/wire'
import type { Chain } from '../ports/chain.ts'
import { type BuiltOperation, inGroups, naming } from './builder.ts'

/**
 * Fills in fees and gas: everything but the nonces.
 *
 * Later operations are estimated on a chain that has not seen the earlier ones, so an estimate may be refused (a swap before
 * its approval is mined) or too low (an approval whose slot will be empty again by then). Where the type has a usual amount,
 * it is the least; where it has none, a refused estimate is the caller's to replace with a `gasLimit`.
 *
 * @throws {WireError} `TRANSACTION_REJECTED` naming the operation that would revert, `CHAIN_UNAVAILABLE`
 *
 * Source: docs/spec/flows.md 15.2; docs/decisions/0011-batches-sign-then-execute.md.
 */
export async function completeBatch(
  chain: Pick<Chain, 'suggestFees' | 'estimateGas'>,
  { chainId, from }: { readonly chainId: number; readonly from: string },
  built: readonly BuiltOperation[],
): Promise<readonly Omit<UnsignedTx, 'nonce'>[]> {
  const { maxFeePerGas, maxPriorityFeePerGas } = await chain.suggestFees()
  const gasLimits = await inGroups(built, (one, i) => naming(one.operation, () => gasLimitOf(chain, from, one, i)))
  return built.map(({ to, value, data }, i) => ({
    type: 'eip1559',
    chainId,
    maxPriorityFeePerGas: String(maxPriorityFeePerGas),
    maxFeePerGas: String(maxFeePerGas),
    gasLimit: String(gasLimits[i]),
    to,
    value: String(value),
    data,
  }))
}

async function gasLimitOf(
  chain: Pick<Chain, 'estimateGas'>,
  from: string,
  { to, value, data, gasLimit, usualGas }: BuiltOperation,
  index: number,
): Promise<bigint> {
  if (gasLimit !== undefined) return gasLimit
  const estimate = async () => chain.estimateGas({ from, to, value, data })
  if (index === 0) return estimate()
  try {
    return greatest(await estimate(), usualGas ?? 0n)
  } catch (cause) {
    const refused = cause instanceof WireError && cause.code === 'TRANSACTION_REJECTED'
    if (refused && usualGas !== undefined) return usualGas
    throw cause
  }
}

function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
