import { readTypedData, type UnsignedTx } from '@tandem/wire'
import { decodeCalldata } from './decode-calldata.ts'
import { claimOfTypedData } from './decode-typed-data.ts'
import type { SessionRecord } from '../records.ts'

/** What leaves, or may be taken. `asset` is `native`, `fee`, or a token's address in lower case. */
export type Spending = {
  readonly chainId: number
  readonly asset: string
  /** absent for fees: nobody chooses who mines */
  readonly recipient?: string
  /** smallest units */
  readonly amount: bigint
}

/** What a signature would allow, in the words of a policy. Source: docs/spec/policy.md, section 2. */
export type Claim =
  | {
      readonly kind: 'transaction'
      readonly chainId: number
      readonly to: string
      /** the calldata's first four bytes; absent without calldata, or with less than four bytes of it */
      readonly selector: string | undefined
      /** whether all that the call spends is in `spending` */
      readonly decoded: boolean
      readonly spending: readonly Spending[]
    }
  | { readonly kind: 'message' }
  | {
      readonly kind: 'permit' | 'typed-data'
      readonly chainId: number | undefined
      readonly contract: string | undefined
      readonly primaryType: string
      readonly spending: readonly Spending[]
    }

export function claimOf(payload: SessionRecord['payload']): Claim {
  if (payload.kind === 'transaction') return claimOfTransaction(payload.unsignedTx)
  if (payload.kind === 'typed-data') return claimOfTypedData(readTypedData(payload.json))
  // A kind that is new needs a claim of its own before it compiles.
  return { kind: payload.kind satisfies 'message' }
}

function claimOfTransaction({ chainId, to: asked, value, data, gasLimit, maxFeePerGas }: UnsignedTx): Claim {
  const to = asked.toLowerCase()
  const decoded = decodeCalldata(data)
  const native = { chainId, asset: 'native', recipient: to, amount: BigInt(value) }
  const fee = { chainId, asset: 'fee', amount: BigInt(gasLimit) * BigInt(maxFeePerGas) }
  // Nothing paid to nobody in particular is nothing; an empty payment still names whom it is for.
  const base = [native, fee].filter(({ asset, amount }) => amount > 0n || (asset === 'native' && data === '0x'))
  if (decoded.call === 'none') {
    return { kind: 'transaction', chainId, to, selector: undefined, decoded: true, spending: base }
  }
  if (decoded.call === 'unknown') {
    return { kind: 'transaction', chainId, to, selector: decoded.selector, decoded: false, spending: base }
  }
  const { recipient, amount } = decoded.spending
  const spending = [...base, { chainId, asset: to, recipient, amount }]
  return { kind: 'transaction', chainId, to, selector: decoded.selector, decoded: true, spending }
}
