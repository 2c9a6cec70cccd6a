import { commitStatement } from '@tandem/ecdsa'
import { keyId as asKeyId } from '@tandem/rounds'
import {
  type CatchUpRequest,
  type CatchUpResponse,
  type Commitment,
  type CommitmentResponse,
  fromHex,
  WireError,
} from '@tandem/wire'
import { sameBytes, sha2 } from '../crypto/hash.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { readCommitment } from '../keys/commitment.ts'
import { commitKey } from '../keys/commit.ts'
import { readKey } from '../keys/key-status.ts'
import { confirmRestore } from '../keys/restore.ts'
import { rotateKey } from '../keys/rotate.ts'
import { commitReceipt, type ReceiptDeps } from '../keys/stage-fate.ts'
import type { EpochRecord, KeyRecord } from '../records.ts'
import type { Stores } from '../stores.ts'

/**
 * What put the epoch in force that is in force here, for a member that was away.
 *
 * @throws {WireError} `NOT_FOUND`, `KEY_DELETED`
 *
 * Source: docs/spec/gateway.md 4.6.
 */
export async function commitmentOf(stores: Stores, deps: ReceiptDeps, keyId: string): Promise<CommitmentResponse> {
  const key = await keyOf(stores, keyId)
  if (!key.current) throw new WireError('NOT_FOUND')
  return { receipt: commitReceipt(deps, key.keyId, key.current), commit: readCommitment(key) }
}

type Asked = CatchUpRequest & { readonly keyId: string }

/**
 * Puts the stage that is complete here in force, once t other members say under their own signatures that it is with them, and the
 * device's intent for it holds, however old. Repeatable.
 *
 * @throws {WireError} `NOT_FOUND`; `EPOCH_MISMATCH` for another stage, or none; `KEY_PENDING` for one that is not complete;
 *         `FORBIDDEN` with fewer than t receipts for exactly this stage, or without the device's word; everything of the commit
 *         itself but the age of stage and intent
 *
 * Source: docs/spec/gateway.md 4.6.
 */
export async function catchUp(
  stores: Stores,
  deps: ReceiptDeps,
  { keyId, receipts, commit }: Asked,
): Promise<CatchUpResponse> {
  const key = await keyOf(stores, keyId)
  const { current } = key
  if (current && isNamed(current, commit)) return { receipt: commitReceipt(deps, key.keyId, current) }
  const stage = key.stage?.held
  if (!stage || !isNamed(stage, commit)) throw new WireError('EPOCH_MISMATCH')
  if (!key.stage?.acknowledged) throw new WireError('KEY_PENDING')
  requireReceipts(key, stage, receipts)
  const { receipt } = await putInForce(stores, deps, key, commit)
  return { receipt }
}

async function keyOf(stores: Stores, keyId: string): Promise<KeyRecord> {
  const view = await readKey(stores, keyId)
  if (!view) throw new WireError('NOT_FOUND')
  if (view.status === 'DELETED') throw new WireError('KEY_DELETED')
  return view.key
}

/** The first epoch is named by its shares. */
function isNamed({ epoch, stageId, publicShares }: EpochRecord, commit: Commitment): boolean {
  const { body } = commit.request
  if (commit.op === 'keygen') {
    const { clientShare } = commit.request.body
    return epoch === 0 && sameBytes(fromHex(clientShare.share), publicShares.at(-1) ?? new Uint8Array())
  }
  return 'stageId' in body && sameBytes(fromHex(body.stageId), stageId)
}

/** Of exactly our stage: its conf is in what they signed. */
function requireReceipts({ keyId }: KeyRecord, stage: EpochRecord, receipts: Asked['receipts']): void {
  const { stageId, epoch, conf, committee } = stage
  const statement = commitStatement(sha2, { keyId: asKeyId(fromHex(keyId)), stageId, epoch, conf })
  const members = committee?.identities.slice(0, -1) ?? []
  const holds = ({ index, receipt }: Asked['receipts'][number]) => {
    const identity = members[index - 1]
    return identity !== undefined && verifyEd25519(identity, statement, fromHex(receipt.signature))
  }
  const others = new Set(receipts.filter(holds).map(({ index }) => index))
  others.delete(committee?.self ?? 0)
  if (others.size < (committee?.threshold ?? Infinity)) throw new WireError('FORBIDDEN', 'receipts') // check L4
}

/** As the owner's call would, which is verified as it was then. */
async function putInForce(stores: Stores, deps: ReceiptDeps, { keyId, owner }: KeyRecord, commit: Commitment) {
  const late = 'in force elsewhere' as const
  if (commit.op === 'keygen') return commitKey(stores, deps, owner, commit.request, late)
  if (commit.op === 'rotate') return rotateKey(stores, deps, { keyId, owner, ...commit.request, late })
  return confirmRestore(stores, deps, { keyId, owner, ...commit.request, late })
}
