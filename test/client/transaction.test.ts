import { hashMessage, Transaction, Wallet } from 'ethers'
import { assert, bigInt, nat, property, record, uint8Array } from 'fast-check'
import type { UnsignedTx } from '@tandem/wire'
import {
  checkedAddress,
  checkPrepared,
  messageDigest,
  transactionDigest,
  verifies,
} from '../../shared/client/src/wallet/transaction.ts'

const TO = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const tx: UnsignedTx = {
  type: 'eip1559',
  chainId: 31337,
  nonce: 5,
  maxPriorityFeePerGas: '1000000000',
  maxFeePerGas: '3000000000',
  gasLimit: '90000',
  to: TO,
  value: '123',
  data: '0xa9059cbb',
}
const asked = { to: TO, value: 123n, chainId: 31337, data: '0xa9059cbb' }
const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`

test('the digest is the one ethers computes, for any transaction', () => {
  const anyTx = record({
    nonce: nat(),
    value: bigInt(0n, 10n ** 24n).map(String),
    data: uint8Array({ maxLength: 100 }).map(hex),
  })
  assert(
    property(anyTx, (some) => {
      const full = { ...tx, ...some }
      const theirs = Transaction.from({ ...full, type: 2 }).unsignedHash
      expect(hex(transactionDigest(full))).toBe(theirs)
    }),
    { numRuns: 50, seed: 1 },
  )
})

test('the digest of a text is the one ethers computes, whatever the script', () => {
  for (const text of ['a', 'Ünïcødé 🦊', 'x'.repeat(4096)]) expect(hex(messageDigest(text))).toBe(hashMessage(text))
})

test('a transaction that is what was asked for passes', () => {
  expect(() => {
    checkPrepared(asked, tx)
  }).not.toThrow()
})

test.each([
  ['the recipient', { to: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC' }],
  ['the amount', { value: '124' }],
  ['the chain', { chainId: 1 }],
  ['the call data', { data: '0x' }],
  ['the fee', { gasLimit: '30000000', maxFeePerGas: '30000000000' }],
])('a server that changes %s is refused', (field, change) => {
  expect(() => {
    checkPrepared(asked, { ...tx, ...change })
  }).toThrow(expect.objectContaining({ code: 'ANSWER_REFUSED', message: expect.stringContaining(field) as string }))
})

test('an address with a wrong checksum, or none at all, is refused', () => {
  expect(checkedAddress(TO)).toBe(TO)
  expect(checkedAddress(TO.toLowerCase())).toBe(TO.toLowerCase())
  for (const bad of [TO.replace('C8', 'c8'), '0x12', 'vitalik.eth', '']) {
    expect(() => checkedAddress(bad)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
  }
})

test('a signature counts only whole: right key, right digest, low s, and v that leads back', async () => {
  const wallet = Wallet.createRandom()
  const signature = Uint8Array.from(Buffer.from((await wallet.signMessage('hello')).slice(2), 'hex'))
  const digest = messageDigest('hello')
  const publicKey = Buffer.from(wallet.publicKey.slice(2), 'hex')
  expect(verifies(signature, digest, publicKey)).toBe(true)
  expect(verifies(signature.with(64, 55 - signature[64]!), digest, publicKey)).toBe(false)
  expect(verifies(signature.with(64, signature[64]! - 27), digest, publicKey)).toBe(false)
  expect(verifies(signature, messageDigest('hallo'), publicKey)).toBe(false)
  for (const at of [0, 31, 32, 63])
    expect(verifies(signature.with(at, signature[at]! ^ 1), digest, publicKey)).toBe(false)
})
