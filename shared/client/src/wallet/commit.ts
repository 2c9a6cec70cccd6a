import { ed25519 } from '@noble/curves/ed25519.js'
import { type Backend, commitStatement, decodeShare, provePossession } from '@tandem/ecdsa'
import { type ClientShare, type CommitReceipt, fromHex, toHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { type Member, receiptsNeeded } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import { vouching } from './vouching.ts'
import type { Platform } from '../platform.ts'
import type { DeviceEpoch } from '../vault/wallet-record.ts'

/** What the commit of a new key shows of the device's share: its public point and a proof that we hold the rest. */
export function clientShareOf(platform: Platform, backend: Backend, stage: DeviceEpoch): ClientShare {
  const share = decodeShare(backend, stage.share)
  return {
    keyId: toHex(share.keyId),
    publicKey: toHex(share.publicKey),
    share: toHex(share.publicShares[share.self - 1]!),
    proof: toHex(provePossession(backend, share, platform.random)),
  }
}

/**
 * Sigpair's word that this very stage is in force. Nothing is erased on less.
 *
 * @throws {TandemError} `ANSWER_REFUSED` unless it names our stage and carries the pinned identity's signature
 *
 * Source: docs/spec/flows.md 3.6.
 */
export function checkReceipt(
  backend: Backend,
  keys: Pick<Member, 'identity'>,
  stage: DeviceEpoch,
  receipt: CommitReceipt,
): void {
  requireCommitted(keys, committedStatement(backend, stage), receipt)
}

/** What a commit receipt for this stage signs, from our own record. */
export function committedStatement(backend: Backend, stage: DeviceEpoch): Uint8Array {
  const share = decodeShare(backend, stage.share)
  share.secret.fill(0)
  return commitStatement(backend, { ...share, stageId: fromHex(stage.stageId) })
}

/** @param statement of {@link committedStatement} */
export function requireCommitted(
  { identity }: Pick<Member, 'identity'>,
  statement: Uint8Array,
  { signature }: CommitReceipt,
): void {
  const genuine = ed25519.verify(fromHex(signature), statement, identity, { zip215: false })
  if (!genuine) throw unsigned() // check L9
}

/** What a commit answers: Sigpair's receipt, or one of each member that has done it. */
export type Committed = {
  readonly receipt: CommitReceipt
  readonly nodes?: readonly { readonly index: number; readonly receipt: CommitReceipt }[] | undefined
}

/**
 * As {@link checkReceipt}; beside a committee the word of as many members as sign.
 *
 * Source: docs/spec/gateway.md 5.2.
 */
export function checkReceipts(
  backend: Backend,
  keys: PinnedKeys,
  stage: DeviceEpoch,
  { receipt, nodes }: Committed,
): void {
  if (keys.committee === undefined) return checkReceipt(backend, keys, stage, receipt)
  const statement = committedStatement(backend, stage)
  const good = vouching(keys, nodes, (member, entry) => requireCommitted(member, statement, entry.receipt))
  if (good.length < receiptsNeeded(keys).adopt) throw tooFew() // check L9
}

function unsigned(): TandemError {
  return new TandemError(
    'ANSWER_REFUSED',
    'The commit receipt is not signed by the pinned Sigpair; nothing was changed.',
  )
}

function tooFew(): TandemError {
  return new TandemError('ANSWER_REFUSED', 'Too few members have signed that they committed; try again.')
}
