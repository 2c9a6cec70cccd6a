import {
  computeAddress,
  concat,
  dataLength,
  dataSlice,
  encodeBase58,
  getAddress,
  HDNodeWallet,
  hashMessage,
  isError,
  recoverAddress,
  Signature,
  sha256,
  Transaction,
  type TypedDataDomain,
  TypedDataEncoder,
} from 'ethers'
import { reachableTypes, readTypedData, type TypedData, type UnsignedTx, WireError } from '@tandem/wire'
import type { MessagePayload } from './ports/sessions.ts'

/** What ethers computes for us. Loaded when first needed: it costs 80 ms of a cold start. */

/** What a wallet's addresses derive from. */
export type WalletKey = {
  /** X, 33 bytes as hex */
  readonly publicKey: string
  /** 32 bytes as hex */
  readonly chainCode: string
}

/** A transaction that can be broadcast, and its name on the chain. */
export type SignedTx = { readonly raw: string; readonly txHash: string }

/** @throws {WireError} `VALIDATION_FAILED` for mixed case whose EIP-55 checksum is wrong */
export function checksummed(address: string): string {
  try {
    return getAddress(address)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'to: the EIP-55 checksum is wrong', { cause })
  }
}

/** keccak-256 of the EIP-1559 encoding: what is signed. */
export function transactionDigest(tx: UnsignedTx): string {
  return toEthers(tx).unsignedHash
}

/** EIP-191, version 0x45, over the UTF-8 of `message`. */
export function messageDigest(message: string): string {
  return hashMessage(message)
}

/**
 * EIP-712.
 *
 * @throws {WireError} `VALIDATION_FAILED` for what ethers takes otherwise than we do, such as an address with a wrong checksum
 */
export function typedDataDigest(data: TypedData): string {
  const { message, primaryType } = data
  const domain = data.domain as TypedDataDomain
  try {
    const encoder = TypedDataEncoder.from(reachableTypes(data))
    if (encoder.primaryType !== primaryType) throw new TypeError('another primary type')
    return TypedDataEncoder.hash(domain, encoder.types, message)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'typedData: cannot be encoded', { cause })
  }
}

/** The digest of what is signed and not sent. */
export function payloadDigest(payload: MessagePayload): string {
  return payload.kind === 'message' ? messageDigest(payload.message) : typedDataDigest(readTypedData(payload.json))
}

/** @param publicKey 33 bytes as hex. EIP-55. */
export function addressOf(publicKey: string): string {
  return computeAddress(publicKey)
}

/** Address of the wallet, or of its child below `path` (BIP-32, non-hardened, from public data alone). */
export function walletAddress({ publicKey, chainCode }: WalletKey, path: readonly number[]): string {
  if (path.length === 0) return addressOf(publicKey)
  // version "xpub" ‖ depth 0 ‖ no parent ‖ index 0 ‖ chain code ‖ key: the root of the wallet, as BIP-32 writes it
  const root = concat(['0x0488b21e', '0x00', '0x00000000', '0x00000000', chainCode, publicKey])
  const xpub = encodeBase58(concat([root, dataSlice(sha256(sha256(root)), 0, 4)]))
  const leaf = path.reduce((node, index) => node.deriveChild(index), HDNodeWallet.fromExtendedKey(xpub))
  return leaf.address
}

/**
 * @param signature r ‖ s ‖ recovery id, 65 bytes as hex
 * @returns r ‖ s ‖ v with v 27 or 28, 65 bytes as hex
 * @throws {WireError} `MPC_SIGNING_FAILED` unless it is `signer`'s signature of `digest`, with low s
 */
export function verifiedSignature(digest: string, signature: string, signer: string): string {
  const parsed = parse(signature)
  if (recover(digest, parsed) !== signer) throw new WireError('MPC_SIGNING_FAILED', 'signature of another key')
  return parsed.serialized
}

/** @param signature as {@link verifiedSignature} returns it */
export function signedTransaction(tx: UnsignedTx, signature: string): SignedTx {
  const signed = toEthers(tx)
  signed.signature = signature
  if (signed.hash === null) throw new WireError('INTERNAL')
  return { raw: signed.serialized, txHash: signed.hash }
}

function toEthers(tx: UnsignedTx): Transaction {
  return Transaction.from({
    type: 2,
    chainId: tx.chainId,
    nonce: tx.nonce,
    maxPriorityFeePerGas: BigInt(tx.maxPriorityFeePerGas),
    maxFeePerGas: BigInt(tx.maxFeePerGas),
    gasLimit: BigInt(tx.gasLimit),
    to: tx.to,
    value: BigInt(tx.value),
    data: tx.data,
  })
}

function parse(signature: string): Signature {
  try {
    if (dataLength(signature) !== 65) throw new WireError('MPC_SIGNING_FAILED', 'signature of another length')
    const r = dataSlice(signature, 0, 32)
    const s = dataSlice(signature, 32, 64)
    const parity = Number(dataSlice(signature, 64))
    if (parity !== 0 && parity !== 1) throw new WireError('MPC_SIGNING_FAILED', 'recovery id out of range')
    return Signature.from({ r, s, yParity: parity })
  } catch (cause) {
    if (!isError(cause, 'INVALID_ARGUMENT')) throw cause
    throw new WireError('MPC_SIGNING_FAILED', 'malformed signature', { cause })
  }
}

function recover(digest: string, signature: Signature): string | undefined {
  try {
    return recoverAddress(digest, signature)
  } catch {
    // A point that is not on the curve: as good as somebody else's signature.
    return undefined
  }
}
