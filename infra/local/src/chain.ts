import { Transaction } from 'ethers'
import { fromHex } from '@tandem/wire'

/** A mined transaction, taken back from the chain: what was signed, and by which signature. */
export type MinedTransaction = {
  readonly blockNumber: number
  /** keccak-256 of what was signed, recomputed here */
  readonly digest: Uint8Array
  /** r ‖ s */
  readonly signature: Uint8Array
  readonly from: string
}

export type Chain = {
  /** sends from the node's first unlocked account; development nodes only */
  readonly fund: (to: string, wei: bigint) => Promise<void>
  readonly balance: (address: string) => Promise<bigint>
  /** how many transactions of an account are in blocks */
  readonly sent: (address: string) => Promise<number>
  readonly mined: (txHash: string) => Promise<MinedTransaction>
}

const CALL_MS = 10_000

export function chainAt(rpcUrl: string): Chain {
  const call = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const answer = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(CALL_MS),
    })
    const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } }
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }
  return {
    fund: async (to, wei) => {
      const [from] = (await call('eth_accounts', [])) as string[]
      const hash = (await call('eth_sendTransaction', [{ from, to, value: `0x${wei.toString(16)}` }])) as string
      while ((await call('eth_getTransactionReceipt', [hash])) === null) await new Promise((r) => setTimeout(r, 50))
    },
    balance: async (address) => BigInt((await call('eth_getBalance', [address, 'latest'])) as string),
    sent: async (address) => Number(await call('eth_getTransactionCount', [address, 'latest'])),
    mined: async (txHash) => {
      const raw = (await call('eth_getRawTransactionByHash', [txHash])) as string
      const receipt = (await call('eth_getTransactionReceipt', [txHash])) as { blockNumber: string }
      const tx = Transaction.from(raw)
      if (tx.signature === null || tx.from === null) throw new Error(`transaction ${txHash} carries no signature`)
      return {
        blockNumber: Number(receipt.blockNumber),
        digest: fromHex(tx.unsignedHash),
        signature: fromHex(`${tx.signature.r}${tx.signature.s.slice(2)}`),
        from: tx.from,
      }
    },
  }
}
