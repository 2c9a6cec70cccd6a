import { keccak_256 } from '@noble/hashes/sha3.js'
import { readTypedData, typedDataDigest, type UnsignedTx, unsignedTx, utf8, WireError } from '@tandem/wire'
import { addr, Transaction } from 'micro-eth-signer'
import type { SessionRecord } from '../records.ts'

/** The 32 bytes to be signed, computed here and nowhere else: Sigpair signs no digest it was given. */
export function digestOf(payload: SessionRecord['payload']): Uint8Array {
  if (payload.kind === 'transaction') return transactionDigest(payload.unsignedTx)
  return payload.kind === 'message' ? messageDigest(payload.message) : typedDataDigest(readTypedData(payload.json))
}

/**
 * keccak-256 of the encoded EIP-1559 transaction.
 *
 * @throws {WireError} `VALIDATION_FAILED` for what is not of the documented form, field by field, whoever checked it before;
 *         for whatever cannot be encoded; and for a recipient whose checksum is wrong or a tip above the fee cap
 */
export function transactionDigest(asked: UnsignedTx): Uint8Array {
  const { data: tx, error } = unsignedTx.safeParse(asked)
  if (!tx) throw new WireError('VALIDATION_FAILED', `unsignedTx.${error.issues[0]?.path.join('.') ?? ''}`)
  if (!addr.isValid(tx.to)) throw new WireError('VALIDATION_FAILED', 'unsignedTx.to: the address checksum is wrong')
  if (BigInt(tx.maxPriorityFeePerGas) > BigInt(tx.maxFeePerGas)) {
    throw new WireError('VALIDATION_FAILED', 'unsignedTx.maxPriorityFeePerGas: above maxFeePerGas')
  }
  return keccak_256(encode(tx))
}

/** EIP-191, version 0x45: what wallets call a personal message. */
export function messageDigest(message: string): Uint8Array {
  const body = messageBytes(message)
  return keccak_256(Buffer.concat([utf8(`\x19Ethereum Signed Message:\n${body.length}`), body]))
}

/** A lone surrogate has no UTF-8. */
function messageBytes(message: string): Uint8Array {
  try {
    return utf8(message)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'message: not well-formed text', { cause })
  }
}

function encode(tx: UnsignedTx): Uint8Array {
  const fields = {
    type: tx.type,
    chainId: BigInt(tx.chainId),
    nonce: BigInt(tx.nonce),
    maxPriorityFeePerGas: BigInt(tx.maxPriorityFeePerGas),
    maxFeePerGas: BigInt(tx.maxFeePerGas),
    gasLimit: BigInt(tx.gasLimit),
    to: tx.to,
    value: BigInt(tx.value),
    data: tx.data,
    accessList: [],
  }
  try {
    // Not strict: the library's idea of sane fees is a user interface's, and policy is decided elsewhere.
    return Transaction.prepare(fields, false).toBytes({ includeSignature: false })
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'unsignedTx: cannot be encoded', { cause })
  }
}
