/** A token movement, or the right to one, that a call makes. Addresses are lower-case. */
export type TokenSpending = {
  readonly kind: 'transfer' | 'allowance'
  /** who gets the tokens, or may take them */
  readonly recipient: string
  readonly amount: bigint
}

/** What a call does, as far as its bytes say: nothing but value, tokens, or nobody knows. */
export type DecodedCall =
  | { readonly call: 'none' }
  | { readonly call: 'token'; readonly selector: string; readonly spending: TokenSpending }
  | { readonly call: 'unknown'; readonly selector: string | undefined }

type Word = 'address' | 'amount' | 'bytes32' | 'uint8'

type Method = {
  readonly kind: TokenSpending['kind']
  readonly words: readonly Word[]
  /** which word is the recipient, and which the amount; absent: nothing is spent */
  readonly recipient: number
  readonly amount: number | undefined
}

/** ERC-20, its common extension, and ERC-2612. Source: docs/spec/policy.md 2.2. */
const METHODS: Readonly<Record<string, Method>> = {
  // transfer(address,uint256)
  '0xa9059cbb': { kind: 'transfer', words: ['address', 'amount'], recipient: 0, amount: 1 },
  // transferFrom(address,address,uint256)
  '0x23b872dd': { kind: 'transfer', words: ['address', 'address', 'amount'], recipient: 1, amount: 2 },
  // approve(address,uint256)
  '0x095ea7b3': { kind: 'allowance', words: ['address', 'amount'], recipient: 0, amount: 1 },
  // increaseAllowance(address,uint256)
  '0x39509351': { kind: 'allowance', words: ['address', 'amount'], recipient: 0, amount: 1 },
  // decreaseAllowance(address,uint256)
  '0xa457c2d7': { kind: 'allowance', words: ['address', 'amount'], recipient: 0, amount: undefined },
  // permit(address,address,uint256,uint256,uint8,bytes32,bytes32)
  '0xd505accf': {
    kind: 'allowance',
    words: ['address', 'address', 'amount', 'amount', 'uint8', 'bytes32', 'bytes32'],
    recipient: 1,
    amount: 2,
  },
}

const WORD = 64

/**
 * Reads calldata strictly: exactly as many bytes as the method has, addresses without dirt above them. What is not exactly so is
 * unknown, whatever its selector says.
 *
 * @param data 0x-hex
 */
export function decodeCalldata(data: string): DecodedCall {
  const hex = data.slice(2).toLowerCase()
  if (hex === '') return { call: 'none' }
  const selector = hex.length < 8 ? undefined : `0x${hex.slice(0, 8)}`
  const method = selector === undefined ? undefined : METHODS[selector]
  if (selector === undefined || method === undefined) return { call: 'unknown', selector }

  const { kind, words, recipient, amount } = method
  const body = hex.slice(8)
  const values = words.map((_, i) => body.slice(i * WORD, (i + 1) * WORD))
  const exact = body.length === words.length * WORD && values.every((value, i) => isClean(words[i], value))
  if (!exact) return { call: 'unknown', selector }
  const spent = amount === undefined ? 0n : BigInt(`0x${values[amount]}`)
  return { call: 'token', selector, spending: { kind, recipient: `0x${values[recipient]?.slice(24)}`, amount: spent } }
}

function isClean(word: Word | undefined, value: string): boolean {
  if (word === 'address') return value.startsWith('0'.repeat(24))
  if (word === 'uint8') return value.startsWith('0'.repeat(62))
  return true
}
