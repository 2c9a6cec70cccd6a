import { ed25519 } from '@noble/curves/ed25519.js'
import { type Backend, commitStatement, decodeShare, provePossession } from '@tandem/ecdsa'
import { type ClientShare, type CommitReceipt, fromHex, toHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import type { PinnedKeys } from '../pin.ts'
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
export function checkReceipt(backend: Backend, keys: PinnedKeys, stage: DeviceEpoch, receipt: CommitReceipt): void {
  const share = decodeShare(backend, stage.share)
  const statement = commitStatement(backend, { ...share, stageId: fromHex(stage.stageId) })
  const genuine = ed25519.verify(fromHex(receipt.signature), statement, keys.identity, { zip215: false })
  if (!genuine) throw unsigned() // check L9
}

function unsigned(): TandemError {
  return new TandemError(
    'ANSWER_REFUSED',
    'The commit receipt is not signed by the pinned Sigpair; nothing was changed.',
  )
}
