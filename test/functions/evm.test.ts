import type { UnsignedTx } from '@tandem/wire'
import { concat, computeAddress, HDNodeWallet, SigningKey, Transaction, toBeHex } from 'ethers'
import {
  checksummed,
  messageDigest,
  signedTransaction,
  transactionDigest,
  verifiedSignature,
  walletAddress,
} from '../../functions/src/evm.ts'
import { childOf } from './key-holder.ts'

const signer = new SigningKey(`0x${'46'.repeat(32)}`)
const address = computeAddress(signer)
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const tx: UnsignedTx = {
  type: 'eip1559',
  chainId: 1,
  nonce: 3,
  maxPriorityFeePerGas: '2000000000',
  maxFeePerGas: '30000000000',
  gasLimit: '21000',
  to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  value: '1000000000000000000',
  data: '0x',
}

const rs = (digest: string) => {
  const { r, s, yParity } = signer.sign(digest)
  return { r, s, yParity }
}
const recoverable = (digest: string) => {
  const { r, s, yParity } = rs(digest)
  return concat([r, s, Uint8Array.of(yParity)])
}

test('the digest is keccak-256 of the EIP-1559 encoding', () => {
  const expected = Transaction.from({ ...tx, type: 2 }).unsignedHash
  expect(transactionDigest(tx)).toBe(expected)
  expect(transactionDigest({ ...tx, nonce: 4 })).not.toBe(expected)
})

test('an EIP-191 digest agrees with a known answer', () => {
  expect(messageDigest('hello')).toBe('0x50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750')
})

// BIP-32, test vector 2: the public chain m → m/0, whose extended public keys the standard prints.
test('child addresses are those of BIP-32', () => {
  const root = HDNodeWallet.fromExtendedKey(
    'xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB',
  )
  const child = HDNodeWallet.fromExtendedKey(
    'xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH',
  )
  const key = { publicKey: root.publicKey, chainCode: root.chainCode }
  expect(walletAddress(key, [])).toBe(root.address)
  expect(walletAddress(key, [0])).toBe(child.address)
})

test('a child address is that of the child private key', () => {
  const chainCode = `0x${'55'.repeat(32)}`
  const key = { publicKey: signer.compressedPublicKey, chainCode }
  for (const path of [[1], [0x7fffffff], [44, 60, 0, 0, 5]]) {
    expect(walletAddress(key, path)).toBe(computeAddress(childOf(signer, chainCode, path)))
  }
})

test('an address keeps its checksum, gains one in a single case, and is refused with a wrong one', () => {
  expect(checksummed(tx.to)).toBe(tx.to)
  expect(checksummed(tx.to.toLowerCase())).toBe(tx.to)
  expect(checksummed(`0x${tx.to.slice(2).toUpperCase()}`)).toBe(tx.to)
  expect(() => checksummed(tx.to.replace('C', 'c'))).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
})

test('a signature that is the wallet’s comes back as Ethereum writes it', () => {
  const digest = transactionDigest(tx)
  expect(verifiedSignature(digest, recoverable(digest), address)).toBe(signer.sign(digest).serialized)
})

test.each<readonly [string, (digest: string) => string]>([
  ['of another digest', () => recoverable(`0x${'22'.repeat(32)}`)],
  [
    'with the other recovery id',
    (digest) => concat([rs(digest).r, rs(digest).s, Uint8Array.of(1 - rs(digest).yParity)]),
  ],
  [
    'with high s',
    (digest) => concat([rs(digest).r, toBeHex(N - BigInt(rs(digest).s), 32), Uint8Array.of(1 - rs(digest).yParity)]),
  ],
  ['of zeros', () => `0x${'00'.repeat(65)}`],
  ['of ones', () => `0x${'ff'.repeat(64)}01`],
  ['too short', (digest) => recoverable(digest).slice(0, -2)],
])('a signature %s is refused', (_, make) => {
  const digest = transactionDigest(tx)
  expect(() => verifiedSignature(digest, make(digest), address)).toThrow(
    expect.objectContaining({ code: 'MPC_SIGNING_FAILED' }),
  )
})

test('a signed transaction is named by its hash and says who sent it', () => {
  const digest = transactionDigest(tx)
  const { raw, txHash } = signedTransaction(tx, verifiedSignature(digest, recoverable(digest), address))
  expect(Transaction.from(raw)).toMatchObject({ hash: txHash, from: address, unsignedHash: digest })
})
