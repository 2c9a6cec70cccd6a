import { timingSafeEqual } from 'node:crypto'
import { decodeCBOR } from '@levischuck/tiny-cbor'
import type { X509Certificate } from '@peculiar/x509'
import { readAttestedData, sha256 } from './authenticator-data.ts'
import { verifiedLeaf } from './chain.ts'
import { check, formed } from './check.ts'

/** What the operator says of his app. */
export type AppAttestRules = {
  /** `teamId.bundleId` */
  readonly appIds: readonly string[]
  readonly environment: 'production' | 'development'
  /** PEM */
  readonly root: string
}

/** A key in a Secure Enclave that only one installation of an app can use. */
export type AttestedKey = {
  /** P-256, uncompressed, 65 bytes */
  readonly publicKey: Uint8Array
  /** `teamId.bundleId` */
  readonly appId: string
}

/** DER of a P-256 SubjectPublicKeyInfo up to its point. */
export const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')

const NONCE = '1.2.840.113635.100.8.2'

/** SEQUENCE { [1] { OCTET STRING of 32 bytes } } */
const NONCE_HEAD = Buffer.from('3024a1220420', 'hex')

const AAGUIDS = {
  production: Buffer.from('appattest\0\0\0\0\0\0\0'),
  development: Buffer.from('appattestdevelop'),
}

const MAX_OBJECT = 16_384

/**
 * Verifies what `DCAppAttestService.attestKey` gave, in the order of Apple's guide "Validating apps that connect to your server".
 *
 * @param keyId 32 bytes
 * @param clientDataHash SHA-256 of what the key was attested for
 * @throws {WireError} `VALIDATION_FAILED` for what is no such object, `FORBIDDEN` for one that does not show it, naming what
 */
export async function verifyAttestation(
  { appIds, environment, root }: AppAttestRules,
  given: { readonly attestation: Uint8Array; readonly keyId: Uint8Array; readonly clientDataHash: Uint8Array },
  at: Date,
): Promise<AttestedKey> {
  const { attestation, keyId, clientDataHash } = given
  check(attestation.length <= MAX_OBJECT, 'an object of at most 16 KiB')
  const { format, x5c, authData } = formed('attestation', () => readObject(attestation))
  check(format === 'apple-appattest', 'the format of App Attest')
  const leaf = await verifiedLeaf(x5c, root, at)
  const nonce = sha256(authData, clientDataHash)
  check(equal(nonceOf(leaf), Buffer.concat([NONCE_HEAD, nonce])), 'an attestation for this challenge and device')
  const publicKey = pointOf(leaf)
  check(equal(sha256(publicKey), keyId), 'the key of this id')
  const { rpIdHash, counter, aaguid, credentialId } = formed('attestation', () => readAttestedData(authData))
  const appId = appIds.find((one) => equal(sha256(one), rpIdHash))
  check(appId !== undefined, 'an app of ours')
  check(counter === 0, 'a key that was not used')
  check(equal(aaguid, AAGUIDS[environment]), `the ${environment} environment`)
  check(equal(credentialId, keyId), 'a credential of this id')
  return { publicKey, appId }
}

type AttestationObject = {
  readonly format: unknown
  readonly x5c: readonly Uint8Array[]
  readonly authData: Uint8Array
}

/** The receipt is not read: it is for asking Apple about fraud. @throws {TypeError} and what the decoder throws */
function readObject(bytes: Uint8Array): AttestationObject {
  const object = decodeCBOR(bytes)
  const statement = object instanceof Map ? object.get('attStmt') : undefined
  if (!(object instanceof Map) || !(statement instanceof Map)) throw new TypeError('no statement')
  const [authData, x5c] = [object.get('authData'), statement.get('x5c')]
  if (!(authData instanceof Uint8Array) || !Array.isArray(x5c)) throw new TypeError('no data or no chain')
  if (!x5c.every((one) => one instanceof Uint8Array)) throw new TypeError('a certificate is no bytes')
  return { format: object.get('fmt'), x5c, authData }
}

function nonceOf(leaf: X509Certificate): Uint8Array {
  const extension = leaf.getExtension(NONCE)
  return extension === null ? new Uint8Array() : new Uint8Array(extension.value)
}

function pointOf(leaf: X509Certificate): Uint8Array {
  const spki = new Uint8Array(leaf.publicKey.rawData)
  check(equal(spki.subarray(0, P256_SPKI.length), P256_SPKI) && spki.length === 91, 'a key on P-256')
  return spki.slice(P256_SPKI.length)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
