import { ackMessage, noble } from '@tandem/ecdsa'
import { sessionId } from '@tandem/rounds'
import {
  beginEpoch,
  completeStage,
  DEVICE,
  keyAt,
  type KeyRecord,
  rotateKey,
  type SigpairIdentity,
  type Stores,
} from '@tandem/sigpair'
import { canonicalJson, type Intent, intentBytes, type KeyRotateRequest, toHex, utf8 } from '@tandem/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Rng } from '@tandem/rounds'
import { stage, type TestKey, type World } from './world.ts'

// Later epochs of a dealt key, put into the stores step by step as a dialogue would: for tests of what is durable when. The
// shares are those of the first epoch under new names; whether they are new is the protocol's business, and tested there.

/** What a refresh of this key would leave, under its own stage id. */
export function nextEpoch(key: TestKey, rng: Rng): TestKey {
  const [ssid, conf] = [sessionId(rng(32)), rng(32)]
  const shares = key.shares.map((share) => ({ ...share, epoch: share.epoch + 1, ssid, conf }))
  return { ...key, stageId: rng(32), shares, pair: { ...key.pair, ssid, epoch: key.pair.epoch + 1 } }
}

export async function recordOf(
  { parties }: Pick<Stores, 'parties'>,
  { keyId }: Pick<TestKey, 'keyId'>,
): Promise<KeyRecord> {
  const doc = await parties.get(keyAt(keyId))
  if (!doc) throw new Error('there is no such key')
  return doc.data
}

export async function beginNext({ stores }: Pick<World, 'stores'>, next: TestKey, change: object = {}): Promise<void> {
  const key = await recordOf(stores, next)
  if (!key.current) throw new Error('the key has no epoch yet')
  const asked = { key, current: key.current, device: next.device, restoreId: null, ...change }
  await beginEpoch(stores, () => next.stageId, asked)
}

export const nameOf = ({ keyId, stageId, pair }: TestKey) => ({ keyId, stageId, epoch: pair.epoch })

/** The device's acknowledgement of a refresh. */
export function acknowledgeNext({ shares, sign }: Pick<TestKey, 'shares' | 'sign'>): Uint8Array {
  return sign(ackMessage(noble, 'refresh', shares[0]!.conf, DEVICE))
}

export async function completeNext({ stores }: Pick<World, 'stores'>, next: TestKey): Promise<void> {
  await completeStage(stores, nameOf(next), [acknowledgeNext(next), new Uint8Array(64)])
}

/** Everything a dialogue leaves with Sigpair. */
export async function stageNext(world: Pick<World, 'stores'>, next: TestKey): Promise<void> {
  await beginNext(world, next)
  await stage(world, next)
  await completeNext(world, next)
}

type Body = KeyRotateRequest['body']

/** What the device sends; `change` is in the body before the intent is signed, `said` in the intent. */
export function rotateRequest(
  world: Pick<World, 'rng' | 'clock'>,
  next: TestKey,
  change: Partial<Body> = {},
  said: Partial<Omit<Intent, 'signature'>> = {},
): KeyRotateRequest {
  const backups = { sigpair: 'waived' as const, device: 'stored' as const }
  const body = { stageId: toHex(next.stageId), backups, ...change }
  const unsigned = {
    op: 'rotate' as const,
    keyId: next.keyId,
    epoch: next.pair.epoch,
    bodyHash: toHex(sha256(utf8(canonicalJson(body)))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
    ...said,
  }
  return { body, intent: { ...unsigned, signature: toHex(next.sign(intentBytes(unsigned))) } }
}

export async function rotateTo(
  stores: Stores,
  identity: SigpairIdentity,
  next: Pick<TestKey, 'keyId' | 'owner'>,
  request: KeyRotateRequest,
) {
  return rotateKey(stores, { backend: noble, identity }, { keyId: next.keyId, owner: next.owner, ...request })
}
