import { hex, type TransactionResponse, WireError } from '@tandem/wire'
import { z } from 'zod'
import { type Rpc, RpcRefusal, rpc } from './rpc.ts'

/** What a transaction would do, before fees and nonce. Amounts in wei. */
export type Call = {
  readonly from: string
  readonly to: string
  readonly value: bigint
  readonly data: string
}

/** wei per gas */
export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

/** How many transactions of an account are in blocks, and how many with those waiting without a gap. */
export type Counts = { readonly latest: number; readonly pending: number }

export type Receipt = NonNullable<TransactionResponse['receipt']>

/** One chain, as our endpoints need it. Every call may throw `CHAIN_UNAVAILABLE`. */
export type Chain = {
  /** Twice the base fee, so that the transaction stays valid through six full blocks, plus what the node suggests as tip. */
  suggestFees(): Promise<Fees>
  /** @throws {WireError} `TRANSACTION_REJECTED` when the call would revert or cannot be paid */
  estimateGas(call: Call): Promise<bigint>
  countsOf(address: string): Promise<Counts>
  /**
   * Hands a signed transaction to the node. Returns when the node has it, whether from this call or an earlier one.
   * @throws {WireError} `TRANSACTION_REJECTED` with the class of the node's reason
   */
  broadcast(raw: string, txHash: string): Promise<void>
  receiptOf(txHash: string): Promise<Receipt | null>
}

/** The chains of the configuration by id, each opened once and asked for its id before its first use. */
export function chains(urls: ReadonlyMap<number, string>): (chainId: number) => Promise<Chain> {
  const open = new Map<number, Promise<Chain>>()
  return (chainId) => {
    const url = urls.get(chainId)
    if (url === undefined) throw new WireError('VALIDATION_FAILED', 'chainId: not one of the chains served here')
    const chain = open.get(chainId) ?? openChain(url, chainId)
    open.set(chainId, chain)
    // A node that was down or misconfigured is asked again next time.
    chain.catch(() => open.delete(chainId))
    return chain
  }
}

async function openChain(url: string, chainId: number): Promise<Chain> {
  const call = rpc(url)
  const actual = quantity.parse(await call('eth_chainId', []))
  if (actual !== BigInt(chainId)) {
    throw new WireError('CHAIN_UNAVAILABLE', undefined, { cause: new Error(`node of chain ${actual}, not ${chainId}`) })
  }
  return chainOver(call)
}

/** @param call JSON-RPC to one node of the chain */
export function chainOver(call: Rpc): Chain {
  return {
    suggestFees: () => suggestFees(call),
    estimateGas: (tx) => estimateGas(call, tx),
    countsOf: (address) => countsOf(call, address),
    broadcast: (raw, txHash) => broadcast(call, raw, txHash),
    receiptOf: (txHash) => receiptOf(call, txHash),
  }
}

const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/)
  .transform((text) => BigInt(text))

const block = z.object({ baseFeePerGas: quantity.optional() })

/** Tip where the node suggests none. */
const DEFAULT_TIP = 1_000_000_000n

async function suggestFees(call: Rpc): Promise<Fees> {
  const [latest, tip] = await Promise.all([
    ask(call, 'eth_getBlockByNumber', ['latest', false], block),
    ask(call, 'eth_maxPriorityFeePerGas', [], quantity).catch((cause: unknown) => {
      if (cause instanceof RpcRefusal) return DEFAULT_TIP
      throw cause
    }),
  ])
  if (latest.baseFeePerGas === undefined) {
    throw new WireError('VALIDATION_FAILED', 'chainId: the chain has no EIP-1559 fees')
  }
  return { maxFeePerGas: 2n * latest.baseFeePerGas + tip, maxPriorityFeePerGas: tip }
}

/** Gas of a plain payment: exact, it needs no headroom. */
const TRANSFER_GAS = 21_000n

async function estimateGas(call: Rpc, { from, to, value, data }: Call): Promise<bigint> {
  try {
    const tx = { from, to, value: `0x${value.toString(16)}`, data }
    const gas = await ask(call, 'eth_estimateGas', [tx], quantity)
    // A contract may take another branch by the time it is mined.
    return gas === TRANSFER_GAS ? gas : (gas * 6n) / 5n
  } catch (cause) {
    throw cause instanceof RpcRefusal ? rejected(cause) : cause
  }
}

async function countsOf(call: Rpc, address: string): Promise<Counts> {
  const count = async (tag: string) => Number(await ask(call, 'eth_getTransactionCount', [address, tag], quantity))
  const [latest, pending] = await Promise.all([count('latest'), count('pending')])
  // Two requests: a block may come between them.
  return { latest: Math.min(latest, pending), pending: Math.max(latest, pending) }
}

async function broadcast(call: Rpc, raw: string, txHash: string): Promise<void> {
  try {
    await call('eth_sendRawTransaction', [raw])
  } catch (cause) {
    if (!(cause instanceof RpcRefusal)) throw cause
    // "already known", "nonce too low" and their many wordings: what counts is whether the node has this transaction.
    if ((await call('eth_getTransactionByHash', [txHash])) === null) throw rejected(cause)
  }
}

const rpcReceipt = z.object({
  status: z.enum(['0x0', '0x1']),
  blockNumber: quantity,
  blockHash: hex(32),
  gasUsed: quantity,
})

async function receiptOf(call: Rpc, txHash: string): Promise<Receipt | null> {
  const receipt = await ask(call, 'eth_getTransactionReceipt', [txHash], rpcReceipt.nullable())
  return (
    receipt && {
      blockNumber: Number(receipt.blockNumber),
      blockHash: receipt.blockHash,
      gasUsed: String(receipt.gasUsed),
      status: receipt.status === '0x1' ? 'success' : 'reverted',
    }
  )
}

async function ask<T>(call: Rpc, method: string, params: readonly unknown[], shape: z.ZodType<T>): Promise<T> {
  const parsed = shape.safeParse(await call(method, params))
  if (parsed.success) return parsed.data
  throw new WireError('CHAIN_UNAVAILABLE', undefined, { cause: new Error(`${method}: an answer of no known form`) })
}

/** What callers are told, by what nodes write. First match wins; a node's own words never leave us. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/insufficient (funds|balance)/i, 'insufficient funds'],
  [/nonce too low|nonce.*already/i, 'nonce already used'],
  [/nonce too high|nonce.*gap/i, 'nonce too high'],
  [/revert/i, 'execution reverted'],
  [/replacement transaction underpriced/i, 'another transaction has this nonce'],
  [/underpriced|max fee per gas less than|fee.*too low|tip.*(higher|above)/i, 'fee too low'],
  [/intrinsic gas too low|gas limit.*too low|out of gas|gas required exceeds/i, 'gas limit too low'],
  [/intrinsic gas too high|exceeds block gas limit|gas limit.*(high|exceed)/i, 'gas limit too high'],
  [/chain ?id|invalid sender/i, 'another chain'],
]

function rejected(cause: RpcRefusal): WireError {
  const reason = REASONS.find(([pattern]) => pattern.test(cause.reason))?.[1] ?? 'refused by the node'
  return new WireError('TRANSACTION_REJECTED', reason, { cause })
}
