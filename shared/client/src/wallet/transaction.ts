import { keccak_256 } from '@noble/hashes/sha3.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { fromHex, type UnsignedTx, utf8 } from '@tandem/wire'
import { addr, Transaction } from 'micro-eth-signer'
import { TandemError } from '../errors.ts'

/** What the app asked for. Amounts are in wei. */
export type Payment = {
  readonly to: string
  readonly value: bigint
  readonly chainId: number
  readonly data?: string
  /** refuse to sign when gas could cost more than this, in wei; default 0.1 ether */
  readonly maxFee?: bigint
}

const DEFAULT_MAX_FEE = 10n ** 17n

/** EIP-55 address of a compressed public key. */
export function addressOf(publicKey: Uint8Array): string {
  return addr.fromPublicKey(publicKey)
}

/**
 * keccak-256 of the encoded transaction, computed here: the device signs what it was shown, never a digest it was given.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for a transaction that cannot be encoded
 */
export function transactionDigest(tx: UnsignedTx): Uint8Array {
  try {
    const fields = {
      type: 'eip1559' as const,
      chainId: BigInt(tx.chainId),
      nonce: BigInt(tx.nonce),
      maxPriorityFeePerGas: BigInt(tx.maxPriorityFeePerGas),
      maxFeePerGas: BigInt(tx.maxFeePerGas),
      gasLimit: BigInt(tx.gasLimit),
      to: tx.to,
      value: BigInt(tx.value),
      data: tx.data,
    }
    // Its strict mode refuses nonces above 2^17, which a busy wallet reaches; what matters is checked by checkPrepared.
    const prepared = Transaction.prepare(fields, false)
    return keccak_256(prepared.toBytes({ includeSignature: false }))
  } catch (cause) {
    throw new TandemError('ANSWER_REFUSED', 'The server prepared a transaction that cannot be encoded.', { cause })
  }
}

/** EIP-191, version 0x45: what wallets call a personal message. */
export function messageDigest(message: string): Uint8Array {
  const body = utf8(message)
  const prefix = utf8(`\x19Ethereum Signed Message:\n${body.length}`)
  const bytes = new Uint8Array(prefix.length + body.length)
  bytes.set(prefix)
  bytes.set(body, prefix.length)
  return keccak_256(bytes)
}

/** @throws {TandemError} `ANSWER_REFUSED`, naming the field, unless the prepared transaction is the one that was asked for */
export function checkPrepared(asked: Payment, tx: UnsignedTx): void {
  const refuse = (field: string): never => {
    throw new TandemError('ANSWER_REFUSED', `The server changed ${field} of the transaction; nothing was signed.`)
  }
  if (tx.to.toLowerCase() !== asked.to.toLowerCase()) refuse('the recipient')
  if (BigInt(tx.value) !== asked.value) refuse('the amount')
  if (tx.chainId !== asked.chainId) refuse('the chain')
  if (tx.data.toLowerCase() !== (asked.data ?? '0x').toLowerCase()) refuse('the call data')
  if (BigInt(tx.gasLimit) * BigInt(tx.maxFeePerGas) > (asked.maxFee ?? DEFAULT_MAX_FEE)) refuse('the fee beyond maxFee')
}

/** Whether r ‖ s ‖ v (v = 27 or 28, low s) is a signature of `digest` by `publicKey`, and v leads back to it. */
export function verifies(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  const v = signature[64]
  if (signature.length !== 65 || (v !== 27 && v !== 28)) return false
  const compact = signature.subarray(0, 64)
  if (!secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: true })) return false
  const recovered = secp256k1.Signature.fromBytes(compact, 'compact')
    .addRecoveryBit(v - 27)
    .recoverPublicKey(digest)
  return recovered.equals(secp256k1.Point.fromBytes(publicKey))
}

/** @throws {TandemError} `VALIDATION_FAILED` unless `text` is an address; mixed case must carry its EIP-55 checksum */
export function checkedAddress(text: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(text) && fromHex(text).length === 20 && addr.isValid(text)) return text
  throw new TandemError('VALIDATION_FAILED', `${text} is not an address, or its checksum is wrong.`)
}
