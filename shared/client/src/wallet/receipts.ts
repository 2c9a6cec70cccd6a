import { ed25519 } from '@noble/curves/ed25519.js'
import { abortStatement, type Backend, type KeyShare, statusStatement } from '@tandem/ecdsa'
import {
  type AbortReceipt,
  type EpochStatus,
  fromHex,
  type RotateKeyResponse,
  type RotationRecord,
  rotationBytes,
  toHex,
} from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { type Member, receiptsNeeded } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import { vouching } from './vouching.ts'

// What Sigpair signs of the epochs of a key, beside the commit receipt. Each is verified over our own record: nothing that the
// answer says of itself is believed. Source: docs/spec/refresh.md, section 3.

/** Whose signature it must be. */
type Signer = Pick<Member, 'identity'>

/**
 * Sigpair's word that this stage will never be in force.
 *
 * @param stageId 0x-hex, of the stage that is open here
 * @throws {TandemError} `ANSWER_REFUSED`
 */
export function checkAbortReceipt(
  backend: Backend,
  keys: Signer,
  { share, stageId }: { readonly share: KeyShare; readonly stageId: string },
  { signature }: AbortReceipt,
): void {
  const statement = abortStatement(backend, { keyId: share.keyId, stageId: fromHex(stageId) })
  if (!isSigned(keys, statement, signature)) throw unsigned('abort receipt') // check L9
}

/**
 * Whether the signed status names the epoch of this share as the one in force. It ages: nothing is erased on it.
 *
 * @throws {TandemError} `ANSWER_REFUSED` without Sigpair's signature
 */
export function isInForce(backend: Backend, keys: Signer, share: KeyShare, status: EpochStatus): boolean {
  const { keyId, epoch, ssid } = share
  if (status.epoch !== epoch || status.ssid.toLowerCase() !== toHex(ssid)) return false
  const staged = status.staged === null ? null : fromHex(status.staged)
  const statement = statusStatement(backend, { keyId, epoch, ssid, staged })
  if (!isSigned(keys, statement, status.signature)) throw unsigned('status')
  return true
}

/** What a rotation record must be about. */
export type Rotated = Pick<RotationRecord, 'keyId' | 'publicKey' | 'from' | 'to' | 'stageId'> & {
  /** whether a rotation was a repair only Sigpair knows */
  readonly reasons: readonly RotationRecord['reason'][]
}

/**
 * The record that the owner keeps: these shares are dead, the key is the same.
 *
 * @throws {TandemError} `ANSWER_REFUSED`
 */
export function checkRotation(
  keys: Signer,
  { reasons, ...wanted }: Rotated,
  { reason, at, signature }: RotationRecord,
): void {
  const genuine = isSigned(keys, rotationBytes({ ...wanted, reason, at }), signature)
  if (!genuine || !reasons.includes(reason)) throw unsigned('rotation record') // check L9
}

/**
 * As {@link checkRotation}; beside a committee the records of as many members as sign.
 *
 * @returns the record to keep, of the first of them
 */
export function checkRotations(
  keys: PinnedKeys,
  wanted: Rotated,
  { rotation, nodes }: Pick<RotateKeyResponse, 'rotation' | 'nodes'>,
): RotationRecord {
  if (keys.committee === undefined) {
    checkRotation(keys, wanted, rotation)
    return rotation
  }
  const good = vouching(keys, nodes, (member, entry) => checkRotation(member, wanted, entry.rotation))
  const [first] = good
  if (first === undefined || good.length < receiptsNeeded(keys).adopt) throw unsigned('rotation record') // check L9
  return first.rotation
}

function isSigned({ identity }: Signer, statement: Uint8Array, signature: string): boolean {
  return ed25519.verify(fromHex(signature), statement, identity, { zip215: false })
}

function unsigned(what: string): TandemError {
  return new TandemError('ANSWER_REFUSED', `The ${what} is not signed by the pinned Sigpair; nothing was changed.`)
}
