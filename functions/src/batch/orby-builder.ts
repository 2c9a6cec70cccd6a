import { WireError } from '@tandem/wire'
import type { z } from 'zod'
import { RpcRefusal, rpc, type Rpc } from '../ports/rpc.ts'
import { type BuildOperations, type BuildRequest, type BuiltOperation, inGroups, naming } from './builder.ts'
import { account } from './calldata.ts'
import { accountCluster, chainName, type OnchainOperation, operationSet, stepsOf, virtualNode } from './orby-answers.ts'

/** More than any step needs; what a plan says above it is not believed. */
const MAX_HINT = 30_000_000n

/**
 * Operations as Orby plans them: each is encoded here, and Orby says which transactions it takes. What it answers is nobody's
 * we trust: only transactions of this account on this chain are taken, nonces, fees and gas are ours, and the device compares
 * what it gets with what it asked for.
 *
 * @param url of an Orby instance; its path holds a key
 * @param local encodes
 *
 * Source: docs/spec/flows.md 15.7.
 */
export function orbyBuilder(url: string, local: BuildOperations): BuildOperations {
  const instance = asking(rpc(url))
  return async (request) => {
    const wanted = await local(request)
    const { chainId, from } = request
    const accounts = [{ vmType: 'EVM', address: from, accountType: 'EOA' }]
    const { accountClusterId } = await instance('orby_createAccountCluster', { accounts }, accountCluster)
    const place = { accountClusterId, chainId: chainName(chainId), entrypointAccountAddress: from }
    const { virtualNodeRpcUrl } = await instance('orby_getVirtualNodeRpcUrl', place, virtualNode)
    const node = asking(rpc(sameServer(virtualNodeRpcUrl, url)))
    const plans = await inGroups(wanted, (one) =>
      naming(one.operation, () => plan(node, accountClusterId, request, one)),
    )
    return plans.flat()
  }
}

type Ask = <T>(method: string, params: object, shape: z.ZodType<T>) => Promise<T>

/** Its own words stay in the log. */
function asking(call: Rpc): Ask {
  return async (method, params, shape) => {
    const answer = await call(method, [params]).catch((cause: unknown) => {
      if (cause instanceof RpcRefusal) throw new WireError('TRANSACTION_REJECTED', 'refused by the builder', { cause })
      throw cause
    })
    const parsed = shape.safeParse(answer)
    if (parsed.success) return parsed.data
    throw unusable(`${method}: an answer of no known form`)
  }
}

/** Where we are sent is no more trusted than what we are told: nowhere but to the server we were configured with. */
function sameServer(found: string, configured: string): string {
  const [there, here] = [new URL(found), new URL(configured)]
  if (there.protocol === here.protocol && there.host === here.host) return found
  throw unusable('a virtual node on another server')
}

async function plan(
  node: Ask,
  accountClusterId: string,
  { chainId, from }: BuildRequest,
  { operation, to, value, data, gasLimit, usualGas }: BuiltOperation,
): Promise<readonly BuiltOperation[]> {
  const params = { accountClusterId, to, data, value: `0x${value.toString(16)}` }
  const steps = stepsOf(await node('orby_getOperationsToExecuteTransaction', params, operationSet))
  if (steps === undefined || steps.length === 0) throw rejected('the builder has no plan')
  return steps.map((step): BuiltOperation => {
    requireOurs(step, { chainId, from })
    const asked = step.to.toLowerCase() === to.toLowerCase() && step.data.toLowerCase() === data
    const hint = hintOf(step)
    return {
      operation,
      to: account('to', step.to.toLowerCase()),
      value: BigInt(step.value ?? 0),
      data: step.data.toLowerCase(),
      ...(asked && gasLimit !== undefined ? { gasLimit } : {}),
      ...(hint !== undefined ? { usualGas: hint } : asked && usualGas !== undefined ? { usualGas } : {}),
    }
  })
}

/** A batch has one account on one chain, and signs transactions. */
function requireOurs(
  { format, chainId, from, value }: OnchainOperation,
  ours: { readonly chainId: number; readonly from: string },
): void {
  if (format !== 'TRANSACTION') throw rejected('the builder asks for more than transactions')
  if (chainId !== chainName(ours.chainId)) throw rejected('the builder needs another chain')
  if (from.toLowerCase() !== ours.from.toLowerCase()) throw rejected('the builder needs another account')
  if (BigInt(value ?? 0) >= 2n ** 256n) throw rejected('the builder names an amount that is too large')
}

function hintOf({ gasLimit }: OnchainOperation): bigint | undefined {
  const hint = BigInt(gasLimit ?? 0)
  return hint > 0n && hint <= MAX_HINT ? hint : undefined
}

function rejected(why: string): WireError {
  return new WireError('TRANSACTION_REJECTED', why)
}

function unusable(why: string): WireError {
  return new WireError('CHAIN_UNAVAILABLE', 'the operation builder', { cause: new Error(why) })
}
