import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { type CallerRequest, callerRequestBytes, fromBase64url, toHex } from '@tandem/wire'

type Asked<R> = R extends CallerRequest
  ? Pick<R, 'method' | 'params'> & Partial<Pick<R, 'requestId' | 'expiry'>>
  : never

/** A consensus layer that commits a committee to what it signs. */
export type TestCaller = {
  /** Ed25519, 0x-hex */
  readonly publicKey: string
  /** signed, with a new id, good for five minutes from `now`, unless `asked` says otherwise */
  readonly request: <R extends CallerRequest>(asked: Asked<R>) => R
}

/** @param rng for the key and the ids */
export function testCaller(rng: (bytes: number) => Uint8Array, now: () => number = Date.now): TestCaller {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), rng(32)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = toHex(fromBase64url(createPublicKey(key).export({ format: 'jwk' }).x ?? ''))
  return {
    publicKey,
    request: <R extends CallerRequest>(asked: Asked<R>) => {
      const unsigned = {
        requestId: toHex(rng(16)),
        expiry: Math.floor(now() / 1000) + 300,
        ...asked,
        caller: publicKey,
      } as unknown as R
      return { ...unsigned, signature: toHex(sign(null, callerRequestBytes(unsigned), key)) }
    },
  }
}
