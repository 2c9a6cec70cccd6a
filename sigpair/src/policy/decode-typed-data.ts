import { z } from 'zod'
import type { Claim } from './policy-claim.ts'

/** EIP-712 as a dapp asks for it. Source: EIP-712; docs/spec/policy.md 2.4. */
export type TypedData = {
  readonly domain: {
    readonly chainId?: unknown
    readonly verifyingContract?: unknown
    readonly [field: string]: unknown
  }
  readonly primaryType: string
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>
  readonly message: Readonly<Record<string, unknown>>
}

/** Uniswap's Permit2, at the same address on every chain: the token is named in the message, not by the domain. */
const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3'

const account = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase())
const uint = z
  .union([
    z.int().min(0),
    z.string().regex(/^(0|[1-9][0-9]{0,77})$/),
    z.string().regex(/^0x[0-9a-fA-F]{1,64}$/),
    z.bigint().min(0n),
  ])
  .transform((number) => BigInt(number))

const UNLIMITED = (1n << 256n) - 1n

const domainOf = z.object({ chainId: uint, verifyingContract: account })
const erc2612 = z.object({ owner: account, spender: account, value: uint })
const dai = z.object({ holder: account, spender: account, allowed: z.boolean() })
const allowance = z.object({ token: account, amount: uint })
const single = z.object({ details: allowance, spender: account })
const batch = z.object({ details: z.array(allowance).min(1).max(64), spender: account })
const transfer = z.object({ permitted: allowance, spender: account })
const transfers = z.object({ permitted: z.array(allowance).min(1).max(64), spender: account })

/**
 * What signing this would let others take. A permit that cannot be read in full is no permit but an unknown message, which a
 * policy refuses. Whoever declares other `types` than the standard's makes a digest that no token honours.
 */
export function claimOfTypedData(data: TypedData): Claim {
  const { primaryType } = data
  const domain = domainOf.safeParse(data.domain)
  const contract = domain.success ? domain.data.verifyingContract : undefined
  const chainId =
    domain.success && domain.data.chainId <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(domain.data.chainId) : undefined
  const unknown: Claim = { kind: 'typed-data', chainId, contract, primaryType, spending: [] }
  if (chainId === undefined || contract === undefined) return unknown
  const allowances = allowancesOf(data, contract)
  if (allowances === undefined) return unknown
  const spending = allowances.map(({ token, amount, spender }) => ({
    chainId,
    asset: token,
    recipient: spender,
    amount,
  }))
  return { kind: 'permit', chainId, contract, primaryType, spending }
}

type Allowed = { readonly token: string; readonly amount: bigint; readonly spender: string }

function allowancesOf({ primaryType, message }: TypedData, contract: string): readonly Allowed[] | undefined {
  if (contract === PERMIT2) return permit2(primaryType, message)
  if (primaryType !== 'Permit') return undefined
  const common = erc2612.safeParse(message)
  if (common.success && !('allowed' in message)) {
    return [{ token: contract, amount: common.data.value, spender: common.data.spender }]
  }
  const old = dai.safeParse(message)
  if (!old.success || 'value' in message) return undefined
  return [{ token: contract, amount: old.data.allowed ? UNLIMITED : 0n, spender: old.data.spender }]
}

function permit2(primaryType: string, message: unknown): readonly Allowed[] | undefined {
  if (primaryType === 'PermitSingle') {
    const { success, data } = single.safeParse(message)
    return success ? [{ ...data.details, spender: data.spender }] : undefined
  }
  if (primaryType === 'PermitBatch') {
    const { success, data } = batch.safeParse(message)
    return success ? data.details.map((detail) => ({ ...detail, spender: data.spender })) : undefined
  }
  if (primaryType === 'PermitTransferFrom' || primaryType === 'PermitWitnessTransferFrom') {
    const { success, data } = transfer.safeParse(message)
    return success ? [{ ...data.permitted, spender: data.spender }] : undefined
  }
  if (primaryType === 'PermitBatchTransferFrom' || primaryType === 'PermitBatchWitnessTransferFrom') {
    const { success, data } = transfers.safeParse(message)
    return success ? data.permitted.map((permitted) => ({ ...permitted, spender: data.spender })) : undefined
  }
  return undefined
}
