import { createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { decodeCBOR } from '@levischuck/tiny-cbor'
import { type AttestedKey, P256_SPKI } from './attestation.ts'
import { readAuthenticatorData, sha256 } from './authenticator-data.ts'
import { check, formed } from './check.ts'

const MAX_OBJECT = 2_048

/**
 * Verifies what `DCAppAttestService.generateAssertion` gave.
 *
 * @param counter of the last assertion, 0 before the first
 * @param clientData what was signed, unhashed
 * @returns the new counter: the caller stores it, at once and for ever, before anything follows from the assertion
 * @throws {WireError} `VALIDATION_FAILED` for what is no such object, `FORBIDDEN` for one that does not show it, naming what
 */
export function verifyAssertion(
  { publicKey, appId, counter }: AttestedKey & { readonly counter: number },
  { assertion, clientData }: { readonly assertion: Uint8Array; readonly clientData: Uint8Array },
): number {
  check(assertion.length <= MAX_OBJECT, 'an assertion of at most 2 KiB')
  const { signature, authenticatorData } = formed('assertion', () => readObject(assertion))
  const data = formed('assertion', () => readAuthenticatorData(authenticatorData))
  const nonce = sha256(authenticatorData, sha256(clientData))
  const key = createPublicKey({ key: Buffer.concat([P256_SPKI, publicKey]), format: 'der', type: 'spki' })
  check(verify('sha256', nonce, key, signature), 'a signature of the attested key over this challenge and device')
  check(timingSafeEqual(data.rpIdHash, sha256(appId)), 'the app that was attested')
  check(data.counter > counter, 'a counter that has risen')
  return data.counter
}

/** @throws {TypeError} and what the decoder throws */
function readObject(bytes: Uint8Array): { readonly signature: Uint8Array; readonly authenticatorData: Uint8Array } {
  const object = decodeCBOR(bytes)
  if (!(object instanceof Map)) throw new TypeError('no object')
  const [signature, authenticatorData] = [object.get('signature'), object.get('authenticatorData')]
  if (!(signature instanceof Uint8Array) || !(authenticatorData instanceof Uint8Array)) throw new TypeError('no data')
  return { signature, authenticatorData }
}
