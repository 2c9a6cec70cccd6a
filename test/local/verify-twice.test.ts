import { secp256k1 } from '@noble/curves/secp256k1.js'
import { verifyTwice, verifyWithOpenSsl } from '../../infra/local/src/story/verify-twice.ts'

const secret = new Uint8Array(32).fill(7)
const publicKey = secp256k1.getPublicKey(secret)
const digest = new Uint8Array(32).fill(9)
const signature = secp256k1.sign(digest, secret, { prehash: false })

const turned = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1)

test('every verifier accepts the signature of a digest', () => {
  expect(verifyTwice(signature, digest, publicKey)).toMatchObject({ noble: true, second: true })
  expect(verifyWithOpenSsl(signature, digest, publicKey)).toBe(true)
})

test.each([
  ['r', turned(signature, 31), digest, publicKey],
  ['s', turned(signature, 63), digest, publicKey],
  ['the digest', signature, turned(digest, 0), publicKey],
  ['the key', signature, digest, turned(publicKey, 0)],
  ['r, to zero,', new Uint8Array(64).fill(1, 32), digest, publicKey],
])('every verifier refuses it when %s is changed', (_what, bytes, hash, key) => {
  expect(verifyTwice(bytes, hash, key)).toMatchObject({ noble: false, second: false })
  expect(verifyWithOpenSsl(bytes, hash, key)).toBe(false)
})
