import { encodeSignatureShare, noble, onlineShare } from '@tandem/ecdsa'
import { createUsable, DEVICE, prepareBatch, type SessionRecord, SIGPAIR, type Stores } from '@tandem/sigpair'
import { type PrepareBatchRequest, toBase64url, type UnsignedTx } from '@tandem/wire'
import { type DealtPresignature, dealPresignature } from './deal-presignature.ts'
import { paymentOf } from './payments.ts'
import { OWNER, type TestKey, type World } from './world.ts'

/** Payments of 100 to the shop with nonces in order, one for each change. */
export function batchOf(world: World, key: TestKey, changes: readonly Partial<UnsignedTx>[]): PrepareBatchRequest {
  const transactions = changes.map((change, nonce) => {
    const { sessionId, payload } = paymentOf(world, key, { nonce, ...change })
    if (payload.kind !== 'transaction') throw new TypeError('a payment is a transaction')
    return { sessionId, unsignedTx: payload.unsignedTx }
  })
  return { batchId: `bat_${toBase64url(world.rng(16))}`, keyId: key.keyId, path: [], transactions }
}

export async function prepareHere(
  world: World,
  request: PrepareBatchRequest,
  stores: Stores = world.stores,
  owner = OWNER,
): Promise<SessionRecord[]> {
  return prepareBatch(stores, { backend: noble, rng: world.rng }, owner, request)
}

/** Puts `count` presignatures in stock, of one dialogue. */
export async function stockOf(world: World, key: TestKey, count: number, name = 'stock'): Promise<DealtPresignature[]> {
  const dealt = Array.from({ length: count }, (_, i) => dealPresignature(key, world.rng.fork(`${name} ${i}`)))
  const batch = dealt.map((one) => one.sigpair())
  await createUsable(world.stores, world.stores.sealer.session(), key.pair, batch)
  return dealt
}

/** The device's share of one session. */
export function shareFor(world: World, key: TestKey, { device }: DealtPresignature, session: SessionRecord): string {
  const { publicKey, chainCode } = key.shares[0]!
  const current = { publicKey, chainCode, epoch: 0, signers: [DEVICE, SIGPAIR] }
  const { digest, path, rhoS } = session
  const { share } = onlineShare(noble, device, current, { digest, path, rhoS, rhoD: world.rng(32) })
  return toBase64url(encodeSignatureShare(share))
}

export function sharesFor(
  world: World,
  key: TestKey,
  dealt: readonly DealtPresignature[],
  sessions: readonly SessionRecord[],
): string[] {
  return sessions.map((session, i) => shareFor(world, key, dealt[i]!, session))
}
