import { verifyPossession, type Backend } from '@tandem/ecdsa'
import { keyId, sessionId } from '@tandem/rounds'
import { type CommitKeyRequest, type CommitKeyResponse, fromHex, toHex, WireError } from '@tandem/wire'
import { sameBytes } from '../crypto/hash.ts'
import { commitmentIn } from './commitment.ts'
import { type Late, verifyIntent } from './intent.ts'
import { commitStage } from './key-store.ts'
import { readKey } from './key-status.ts'
import { commitReceipt, type ReceiptDeps } from './stage-fate.ts'
import { placesOf } from '../parties.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import type { Stores } from '../stores.ts'

export type CommitDeps = ReceiptDeps

/**
 * Puts a generated key in force for its owner. Repeatable: the same commit gets the same receipt, for ever.
 *
 * @param late other members have it in force: the caller knows
 * @throws {WireError} `NOT_FOUND` for another owner's key, `KEY_PENDING` before the generation is complete,
 *         `VALIDATION_FAILED` unless `clientShare` is the device's side of this key, `FORBIDDEN` for a bad intent,
 *         `KEY_FROZEN`, `KEY_DELETED`
 *
 * Source: docs/spec/flows.md 3.6, storage.md 3.5.
 */
export async function commitKey(
  stores: Stores,
  { backend, identity }: CommitDeps,
  owner: string,
  request: CommitKeyRequest,
  late?: Late,
): Promise<CommitKeyResponse> {
  const { body, intent } = request
  const { key, epoch } = await committing(stores, body.clientShare.keyId, owner)
  verifyClientShare(backend, key, epoch, body.clientShare)
  verifyIntent(intent, { op: 'keygen', keyId: key.keyId, epoch: epoch.epoch, body, device: key.device.identity })

  const kept = commitmentIn(epoch, { op: 'keygen', request })
  const current = await commitStage(stores, { keyId: key.keyId, stageId: epoch.stageId, intent, late, ...kept })
  const { publicKey, chainCode } = current
  return {
    keyId: key.keyId,
    publicKey: toHex(publicKey),
    chainCode: toHex(chainCode),
    epoch: current.epoch,
    receipt: commitReceipt({ backend, identity }, key.keyId, current),
  }
}

/** The epoch this commit is about: the current one of a committed key, the staged one otherwise. */
async function committing(stores: Stores, id: string, owner: string) {
  const view = await readKey(stores, id)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  const { key, status } = view
  if (status === 'DELETED') throw new WireError('KEY_DELETED')
  if (status === 'ERROR') throw new WireError('PROTOCOL_ABORTED', 'the key generation failed')
  const epoch = key.current ?? key.stage?.held
  if (!epoch) throw new WireError('KEY_PENDING')
  return { key, epoch }
}

/** What the device says must be what Sigpair staged, and the device must prove that it holds its half. */
function verifyClientShare(
  backend: Backend,
  key: KeyRecord,
  staged: EpochRecord,
  client: CommitKeyRequest['body']['clientShare'],
): void {
  const { ssid, epoch, publicKey, publicShares } = staged
  const publicShare = publicShares[placesOf(staged).device - 1] ?? new Uint8Array()
  if (!sameBytes(fromHex(client.publicKey), publicKey)) throw refused('publicKey: not the key that was generated')
  if (!sameBytes(fromHex(client.share), publicShare)) throw refused('share: not the public share point X1')
  const claim = { keyId: keyId(fromHex(key.keyId)), ssid: sessionId(ssid), epoch, publicShare }
  if (!verifyPossession(backend, claim, fromHex(client.proof))) throw refused('proof: does not verify')
}

function refused(what: string): WireError {
  return new WireError('VALIDATION_FAILED', `clientShare.${what}`)
}
