import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  type BatchOperationsResponse,
  fromHex,
  type SignedOp,
  toHex,
  type TwoFactorCode,
  type UnsignedOp,
} from '@tandem/wire'
import { Transaction } from 'micro-eth-signer'
import { TandemError } from '../errors.ts'
import { encodeOperation, type Operation } from './operation.ts'
import type { Approved } from './sign-session.ts'
import { checkPrepared, transactionDigest, verifies } from './transaction.ts'

/** What the app wants, and what it would accept instead. */
export type BatchRequest = {
  readonly chainId: number
  /** 1..50, mined in this order */
  readonly operations: readonly Operation[]
  /** BIP-32 path below the wallet's root */
  readonly path?: readonly number[]
  /** refuse to sign when the gas of one operation could cost more than this, in wei; default 0.1 ether */
  readonly maxFee?: bigint
  /** when the policy asks for it (`TWO_FACTOR_REQUIRED`): good for the batch, however many attempts that takes */
  readonly twoFactorCode?: TwoFactorCode
  /**
   * Asked when the backend built other transactions than the operations themselves, as a planner may. Without it such a batch
   * is refused. Whatever it answers, digests, chain, order and fees are checked here.
   */
  readonly approve?: (built: readonly UnsignedOp[]) => boolean | Promise<boolean>
}

/**
 * What may be signed, in order.
 *
 * @param address that signs
 * @throws {TandemError} `ANSWER_REFUSED`, naming the operation, unless each transaction is the one that was asked for
 */
export async function approveBatch(
  request: BatchRequest,
  address: string,
  { unsignedOps }: BatchOperationsResponse,
): Promise<readonly Approved[]> {
  const approved = unsignedOps.map((op, i) => checkForm(request, unsignedOps, op, i))
  const difference = firstDifference(request, address, unsignedOps)
  if (difference === undefined) return approved
  if (request.approve === undefined || !(await request.approve(unsignedOps))) throw difference
  return approved
}

/** What holds for whatever was built: its digest is its own, it is on our chain, in order, and its fee is bounded. */
function checkForm(
  { chainId, operations, path = [], maxFee }: BatchRequest,
  all: readonly UnsignedOp[],
  op: UnsignedOp,
  at: number,
): Approved {
  const { unsignedTx: tx, sessionId, rhoS } = op
  const before = all[at - 1]
  const inOrder =
    op.index === at &&
    op.operation < operations.length &&
    op.operation >= (before?.operation ?? 0) &&
    tx.nonce > (before?.unsignedTx.nonce ?? -1)
  if (!inOrder) throw refused(at, 'is out of order')
  if (all.some((other, i) => i < at && other.sessionId === sessionId)) throw refused(at, 'has another’s session')
  if (op.path.join('/') !== path.join('/')) throw refused(at, 'has another derivation path')
  const own = { to: tx.to, value: BigInt(tx.value), data: tx.data, chainId }
  naming(at, () => checkPrepared({ ...own, ...(maxFee === undefined ? {} : { maxFee }) }, tx))
  const digest = transactionDigest(tx)
  if (toHex(digest) !== op.digest.toLowerCase()) throw refused(at, 'has a digest that is not its own')
  return { sessionId, digest, path: [...path], rhoS: fromHex(rhoS) }
}

/** Where what was built is not what was asked for. */
function firstDifference(
  { chainId, operations, maxFee }: BatchRequest,
  address: string,
  unsignedOps: readonly UnsignedOp[],
): TandemError | undefined {
  if (unsignedOps.length !== operations.length) return refused(0, 'is not the only one for its operation')
  for (const [at, operation] of operations.entries()) {
    const op = unsignedOps[at]
    if (op?.operation !== at) return refused(at, 'is for another operation')
    const wanted = { ...encodeOperation(operation, address), chainId, ...(maxFee === undefined ? {} : { maxFee }) }
    try {
      naming(at, () => checkPrepared(wanted, op.unsignedTx))
    } catch (error) {
      if (error instanceof TandemError) return error
      throw error
    }
    const gas = operation.gasLimit
    if (gas !== undefined && BigInt(op.unsignedTx.gasLimit) !== gas) return refused(at, 'has another gas limit')
  }
  return undefined
}

/**
 * The signed transactions are those that were approved, signed by the wallet: checked before anything is sent.
 *
 * @param publicKey that signs, compressed
 * @throws {TandemError} `ANSWER_REFUSED`
 */
export function checkSigned(approved: readonly Approved[], publicKey: Uint8Array, signed: readonly SignedOp[]): void {
  if (signed.length !== approved.length) throw refused(signed.length, 'is not signed')
  for (const [at, { digest, sessionId }] of approved.entries()) {
    const op = signed[at]
    const same = op !== undefined && op.index === at && op.sessionId === sessionId && isSigned(op, digest, publicKey)
    if (!same) throw refused(at, 'is not what was signed')
  }
}

function isSigned({ signedTx, txHash }: SignedOp, digest: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    if (toHex(keccak_256(fromHex(signedTx))) !== txHash.toLowerCase()) return false
    const transaction = Transaction.fromHex(signedTx, false)
    const { r, s, yParity } = transaction.raw
    if (r === undefined || s === undefined || yParity === undefined) return false
    const unsigned = keccak_256(transaction.toBytes({ includeSignature: false }))
    const word = (scalar: bigint) => scalar.toString(16).padStart(64, '0')
    const signature = fromHex(`0x${word(r)}${word(s)}${(27 + yParity).toString(16)}`)
    return toHex(unsigned) === toHex(digest) && verifies(signature, digest, publicKey)
  } catch {
    return false // no transaction at all
  }
}

function naming(index: number, check: () => void): void {
  try {
    check()
  } catch (cause) {
    if (!(cause instanceof TandemError)) throw cause
    throw new TandemError(cause.code, cause.message, { details: `operation ${index}`, cause })
  }
}

function refused(index: number, what: string): TandemError {
  return new TandemError('ANSWER_REFUSED', `The server’s operation ${index} ${what}; nothing was sent.`)
}
