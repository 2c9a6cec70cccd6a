import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { nodeDh } from './node-dh.ts'

/**
 * Both sides of a Noise IK handshake at once, written again in one line per step on `node:crypto` alone: what the
 * transcript of docs/spec/wire.md is compared with, and where its intermediate values come from.
 */

export type Inputs = {
  readonly prologue: Uint8Array
  readonly deviceSecret: Uint8Array
  readonly sigpairSecret: Uint8Array
  readonly deviceEphemeral: Uint8Array
  readonly sigpairEphemeral: Uint8Array
  readonly payload1: Uint8Array
  readonly payload2: Uint8Array
}

const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const hmac = (key: Uint8Array, data: Uint8Array) => createHmac('sha256', key).update(data).digest()

function hkdf(ck: Uint8Array, ikm: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const temp = hmac(ck, ikm)
  const first = hmac(temp, Uint8Array.of(1))
  return [first, hmac(temp, Uint8Array.of(...first, 2))]
}

/** ChaCha20-Poly1305 under nonce `n`, with the tag at the end. */
export function seal(key: Uint8Array, n: number, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64LE(BigInt(n), 4)
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(ad, { plaintextLength: plaintext.length })
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

export function referenceHandshake(i: Inputs) {
  const { publicKey, sharedSecret: dh } = nodeDh
  const [device, sigpair] = [publicKey(i.deviceSecret), publicKey(i.sigpairSecret)]
  const [e1, e2] = [publicKey(i.deviceEphemeral), publicKey(i.sigpairEphemeral)]

  const h0 = sha256(sha256(Buffer.from('Noise_IK_25519_ChaChaPoly_SHA256'), i.prologue), sigpair)
  const h1 = sha256(h0, e1)
  const [ck1, k1] = hkdf(Buffer.from('Noise_IK_25519_ChaChaPoly_SHA256'), dh(i.deviceEphemeral, sigpair))
  const sealedStatic = seal(k1, 0, h1, device)
  const h2 = sha256(h1, sealedStatic)
  const [ck2, k2] = hkdf(ck1, dh(i.deviceSecret, sigpair))
  const sealedPayload1 = seal(k2, 0, h2, i.payload1)
  const h3 = sha256(h2, sealedPayload1)
  const message1 = Buffer.concat([e1, sealedStatic, sealedPayload1])

  const h4 = sha256(h3, e2)
  const [ck3] = hkdf(ck2, dh(i.sigpairEphemeral, e1))
  const [ck4, k4] = hkdf(ck3, dh(i.sigpairEphemeral, device))
  const sealedPayload2 = seal(k4, 0, h4, i.payload2)
  const message2 = Buffer.concat([e2, sealedPayload2])

  const [deviceKey, sigpairKey] = hkdf(ck4, new Uint8Array(0))
  return { h0, k1, k2, k4, h5: sha256(h4, sealedPayload2), message1, message2, deviceKey, sigpairKey }
}
