import { ed25519 } from '@noble/curves/ed25519.js'
import {
  combine,
  type CurrentKey,
  decodePresignature,
  encodePresignature,
  keygen,
  noble,
  onlineShare,
  openPair,
  presign,
  type SigningKey,
} from '@tandem/ecdsa'
import { keyId, partyIndex, sessionId } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { inTurn } from '../bench/in-turn.ts'

// Both parties of a key in one engine, from key generation to a verified signature, on randomness that repeats itself: every
// engine must print the same.
declare const print: (text: string) => void

let state = 1
const rng = (count: number) =>
  Uint8Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647
    return state & 255
  })

const SIGNERS = [partyIndex(1), partyIndex(2)] as const
const secrets = SIGNERS.map(() => rng(32))
const identities = secrets.map((secret) => ed25519.getPublicKey(secret))

function generate(): SigningKey[] {
  const shared = { keyId: keyId(rng(32)), threshold: 2, identities }
  const runs = SIGNERS.map((self, i) => {
    const sign = (message: Uint8Array) => ed25519.sign(message, secrets[i]!)
    return [self, keygen({ ...shared, self }, { backend: noble, rng, sign })] as const
  })
  return inTurn(new Map(runs)).outputs.map(({ share, pairs }) => ({
    share,
    pairs: new Map(pairs.map((pair) => [pair.peer, openPair(noble, pair)])),
  }))
}

function sign(keys: readonly SigningKey[]): string {
  const session = { sigid: sessionId(rng(32)), signers: SIGNERS }
  const runs = keys.map((key) => [key.share.self, presign(session, key, { backend: noble, rng })] as const)
  const [device, server] = inTurn(new Map(runs)).outputs.map(encodePresignature).map(decodePresignature)
  const { publicKey, chainCode, epoch } = keys[0]!.share
  const current: CurrentKey = { publicKey, chainCode, epoch, signers: SIGNERS }
  const message = { digest: rng(32), path: [], rhoS: rng(32), rhoD: rng(32) }
  const shares = [device, server].map((one) => onlineShare(noble, one!, current, message))
  return toHex(combine(noble, shares[1]!.target, [shares[0]!.share, shares[1]!.share], 'evm').compact)
}

const begun = Date.now()
const keys = generate()
const generated = Date.now()
const signature = sign(keys)
print(`${toHex(keys[0]!.share.publicKey)} ${signature}`)
print(`keygen ${generated - begun} ms, a signature ${Date.now() - generated} ms, both parties`)
