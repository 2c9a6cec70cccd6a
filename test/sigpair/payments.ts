import {
  combine,
  decodePresignature,
  decodeSignatureShare,
  encodeSignature,
  encodeSignatureShare,
  noble,
  onlineShare,
} from '@tandem/ecdsa'
import {
  type CompleteSignature,
  completeSession,
  createUsable,
  DEVICE,
  prepareSession,
  type SessionRecord,
  SIGPAIR,
  type Signed,
  type Stores,
} from '@tandem/sigpair'
import { type PrepareSessionRequest, toBase64url, type UnsignedTx } from '@tandem/wire'
import { dealPresignature } from './deal-presignature.ts'
import { OWNER, type TestKey, type World } from './world.ts'

export const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

/** A payment of 100 to the shop, on chain 1, unless said otherwise. */
export function paymentOf(world: World, { keyId }: TestKey, change: Partial<UnsignedTx> = {}): PrepareSessionRequest {
  const unsignedTx: UnsignedTx = {
    type: 'eip1559',
    chainId: 1,
    nonce: 0,
    maxPriorityFeePerGas: '1',
    maxFeePerGas: '10',
    gasLimit: '21000',
    to: SHOP,
    value: '100',
    data: '0x',
    ...change,
  }
  const sessionId = `ses_${toBase64url(world.rng(16))}`
  return { sessionId, keyId, path: [], payload: { kind: 'transaction', unsignedTx } }
}

export async function preparePayment(
  world: World,
  key: TestKey,
  change: Partial<UnsignedTx> = {},
): Promise<SessionRecord> {
  return prepareSession(world.stores, { backend: noble, rng: world.rng }, OWNER, paymentOf(world, key, change))
}

/** What the worker does with a job. */
export const completeHere: CompleteSignature = async ({ presignature, share, key: current, message }) => {
  const device = decodeSignatureShare(share, DEVICE)
  const signers = [DEVICE, SIGPAIR]
  const online = { ...message, rhoD: device.rhoD }
  const own = onlineShare(noble, decodePresignature(presignature), { ...current, signers }, online)
  return encodeSignature(combine(noble, own.target, [own.share, device], 'evm'))
}

/** Signs a prepared session with a presignature of its own. */
export async function signPayment(
  world: World,
  key: TestKey,
  { sessionId, digest, path, rhoS }: SessionRecord,
  stores: Stores = world.stores,
): Promise<Signed> {
  const dealt = dealPresignature(key, world.rng.fork(`${sessionId}${world.rng(8).join()}`))
  await createUsable(stores, stores.sealer, key.pair, [dealt.sigpair()])
  const { publicKey, chainCode } = key.shares[0]!
  const current = { publicKey, chainCode, epoch: 0, signers: [DEVICE, SIGPAIR] }
  const online = onlineShare(noble, dealt.device, current, { digest, path, rhoS, rhoD: world.rng(32) })
  const p1SignatureShare = toBase64url(encodeSignatureShare(online.share))
  return completeSession(stores, completeHere, { sessionId, keyId: key.keyId, owner: OWNER, p1SignatureShare })
}
