import { randomBytes } from 'node:crypto'
import {
  type Backend,
  combine,
  type CurrentKey,
  decodePresignature,
  decodeSignatureShare,
  encodePresignature,
  encodeSignatureShare,
  keygen,
  type KeygenResult,
  type OnlineMessage,
  onlineShare,
  openPair,
  presign,
  type Signature,
  type SigningKey,
} from '@tandem/ecdsa'
import { keyId, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import { ed25519 } from '@noble/curves/ed25519.js'
import { inTurn } from './in-turn.ts'

/** Both parties of a key on one backend, with real randomness. */
export const SIGNERS: readonly [PartyIndex, PartyIndex] = [partyIndex(1), partyIndex(2)]
const [DEVICE, SERVER] = SIGNERS

export const rng = (n: number) => new Uint8Array(randomBytes(n))

/** A key generation, from the first draw to the stored acknowledgements. */
export function generate(backend: Backend): readonly KeygenResult[] {
  const secrets = SIGNERS.map(() => ed25519.utils.randomSecretKey())
  const identities = secrets.map((secret) => ed25519.getPublicKey(secret))
  const id = keyId(rng(32))
  const parties = SIGNERS.map((self, i) => {
    const sign = (message: Uint8Array) => ed25519.sign(message, secrets[i]!)
    return [self, keygen({ keyId: id, self, threshold: 2, identities }, { backend, rng, sign })] as const
  })
  return inTurn(new Map(parties)).outputs
}

/** What a party loads once per dialogue. */
export function open(backend: Backend, { share, pairs }: KeygenResult): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(backend, pair)])) }
}

/** One presignature each, sealed as bytes, and every byte that travelled for them. */
export function presignBoth(backend: Backend, keys: readonly SigningKey[]) {
  const session = { sigid: sessionId(rng(32)), signers: SIGNERS }
  const runs = keys.map((key) => [key.share.self, presign(session, key, { backend, rng })] as const)
  const { outputs, bytes } = inTurn(new Map(runs))
  return { presignatures: outputs.map(encodePresignature), bytes }
}

/** From stored presignatures to one verified signature: the device's share as bytes, the server's, and the sum. */
export function signOnline(
  backend: Backend,
  { share }: SigningKey,
  presignatures: readonly Uint8Array[],
): { readonly signature: Signature; readonly bytes: number } {
  const { publicKey, chainCode, epoch } = share
  const current: CurrentKey = { publicKey, chainCode, epoch, signers: SIGNERS }
  const message: OnlineMessage = { digest: rng(32), path: [], rhoS: rng(32), rhoD: rng(32) }
  const [device, server] = presignatures.map(decodePresignature)

  const sent = encodeSignatureShare(onlineShare(backend, device!, current, message).share)
  const received = decodeSignatureShare(sent, DEVICE)
  const { rhoD } = received
  const own = onlineShare(backend, server!, current, { ...message, rhoD })
  return { signature: combine(backend, own.target, [received, own.share], 'evm'), bytes: sent.length }
}

export { DEVICE, SERVER }
