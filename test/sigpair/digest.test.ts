import { messageDigest, transactionDigest } from '@tandem/sigpair'
import { toHex, type UnsignedTx } from '@tandem/wire'
import { getAddress, hashMessage, Transaction } from 'ethers'
import { seeded } from '../helpers/rng.ts'

const base: UnsignedTx = {
  type: 'eip1559',
  chainId: 1,
  nonce: 0,
  maxPriorityFeePerGas: '0',
  maxFeePerGas: '0',
  gasLimit: '0',
  to: '0x0000000000000000000000000000000000000000',
  value: '0',
  data: '0x',
}
const max = (bits: bigint) => String(2n ** bits - 1n)

test('the digest is the one ethers computes, from the smallest transaction to the largest', () => {
  const rng = seeded('digest')
  const recipient = () => getAddress(toHex(rng(20)))
  const amount = (bytes: number) => String(BigInt(toHex(rng(bytes))))
  const random = Array.from(
    { length: 40 },
    (_, i): UnsignedTx => ({
      ...base,
      chainId: rng(1)[0]! + 1,
      nonce: i * 1_000_003,
      maxPriorityFeePerGas: amount(4),
      maxFeePerGas: amount(6) + '0'.repeat(12),
      gasLimit: amount(4),
      to: i % 2 ? recipient() : recipient().toLowerCase(),
      value: amount(1 + (i % 32)),
      data: toHex(rng(i * 7)),
    }),
  )
  const extreme: UnsignedTx = {
    ...base,
    chainId: Number.MAX_SAFE_INTEGER,
    nonce: Number.MAX_SAFE_INTEGER,
    maxPriorityFeePerGas: max(192n),
    maxFeePerGas: max(192n),
    gasLimit: max(64n),
    value: max(256n),
    data: toHex(rng(49_152)),
  }
  for (const tx of [base, extreme, ...random]) {
    expect(toHex(transactionDigest(tx))).toBe(Transaction.from({ ...tx, type: 2 }).unsignedHash)
  }
})

test('every field changes the digest', () => {
  const changes: Partial<UnsignedTx>[] = [
    { chainId: 2 },
    { nonce: 1 },
    { maxFeePerGas: '1' },
    { maxFeePerGas: '1', maxPriorityFeePerGas: '1' },
    { gasLimit: '1' },
    { to: '0x0000000000000000000000000000000000000001' },
    { value: '1' },
    { data: '0x00' },
  ]
  const digests = [{}, ...changes].map((change) => toHex(transactionDigest({ ...base, ...change })))
  expect(new Set(digests).size).toBe(digests.length)
})

test('what cannot be encoded, or makes no sense, is refused', () => {
  const wrong: Partial<UnsignedTx>[] = [
    { value: String(2n ** 256n) },
    { maxFeePerGas: String(2n ** 256n) },
    { gasLimit: String(2n ** 64n) },
    { gasLimit: max(64n), maxFeePerGas: max(200n) },
    { value: '0x10' },
    { value: '' },
    { nonce: 1.5 },
    { nonce: -1 },
    { maxPriorityFeePerGas: '2', maxFeePerGas: '1' },
    { to: '0x70997970c51812dc3A010C7d01b50e0d17dc79C8' },
    { to: '0x' },
    { data: '0x123' },
    { chainId: 0 },
    { type: 'legacy' as 'eip1559' },
  ]
  for (const change of wrong) {
    expect(() => transactionDigest({ ...base, ...change })).toThrow(
      expect.objectContaining({ code: 'VALIDATION_FAILED' }),
    )
  }
})

test('a field that is not ours is refused, not ignored', () => {
  const list = [{ address: base.to, storageKeys: [] }]
  const extended = { ...base, accessList: list } as UnsignedTx
  expect(() => transactionDigest(extended)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
})

test('a message is hashed as EIP-191 says, by its bytes', () => {
  for (const message of ['', 'a', 'grüezi', '🏔', '\u0000', 'x'.repeat(4096)]) {
    expect(toHex(messageDigest(message))).toBe(hashMessage(message))
  }
})

test('text that is not well-formed is refused', () => {
  expect(() => messageDigest('\ud800')).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
})
