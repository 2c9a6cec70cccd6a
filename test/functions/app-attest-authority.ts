// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { createHash, type webcrypto } from 'node:crypto'
import { encodeCBOR } from '@levischuck/tiny-cbor'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** Apple's part and a phone's, made up: everything that App Attest says, and every way to say it wrongly. */

const DAY = 86_400_000
export const TEAM_ID = '0A1B2C3D4E'
export const BUNDLE_ID = 'com.example.wallet'
export const APP_ID = `${TEAM_ID}.${BUNDLE_ID}`

const P384 = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export type Changes = {
  readonly appId?: string
  readonly aaguid?: string
  readonly counter?: number
  readonly flags?: number
  readonly format?: string
  readonly credentialId?: Uint8Array
  readonly nonce?: Uint8Array
  readonly curve?: typeof P256
  readonly leaf?: { readonly notBefore?: Date; readonly notAfter?: Date; readonly ca?: boolean }
  /** in place of the issuer under the root */
  readonly issuer?: Authority
  readonly chain?: (leaf: Uint8Array, issuer: Uint8Array) => readonly Uint8Array[]
}

export type Authority = { readonly certificate: X509Certificate; readonly keys: webcrypto.CryptoKeyPair }

export type AppKey = {
  /** base64 */
  readonly keyId: string
  readonly attest: (clientDataHash: Uint8Array, changes?: Changes) => Promise<Uint8Array>
  readonly assert: (clientDataHash: Uint8Array, changes?: AssertionChanges) => Promise<Uint8Array>
}

export type AssertionChanges = {
  readonly counter?: number
  readonly appId?: string
  readonly key?: webcrypto.CryptoKey
}

export type Validity = { readonly notBefore?: Date; readonly notAfter?: Date }

const sha256 = (...parts: readonly (Uint8Array | string)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const newKeys = async (curve: typeof P256 = P256) => crypto.subtle.generateKey(curve, true, ['sign', 'verify'])

const around = ({ notBefore, notAfter }: Validity = {}) => ({
  notBefore: notBefore ?? new Date(Date.now() - DAY),
  notAfter: notAfter ?? new Date(Date.now() + DAY),
})

export async function makeRoot(validity: Validity = {}): Promise<Authority> {
  const keys = await newKeys(P384)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Synthetic App Attestation Root CA',
    keys,
    signingAlgorithm: P384,
    extensions: authority(true),
    ...around(validity),
  })
  return { certificate, keys }
}

export async function makeIssuer(
  root: Authority,
  change: Validity & { readonly ca?: boolean; readonly issuer?: string; readonly usage?: KeyUsageFlags } = {},
): Promise<Authority> {
  const keys = await newKeys(P384)
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=Synthetic App Attestation CA 1',
    issuer: change.issuer ?? root.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: root.keys.privateKey,
    signingAlgorithm: P384,
    extensions: authority(change.ca ?? true, change.usage),
    ...around(change),
  })
  return { certificate, keys }
}

function authority(ca: boolean, usage = KeyUsageFlags.keyCertSign): Extension[] {
  return [new BasicConstraintsExtension(ca, undefined, true), new KeyUsagesExtension(usage, true)]
}

/** A key in a Secure Enclave. */
export async function makeAppKey(issuer: Authority, curve: typeof P256 = P256): Promise<AppKey> {
  const keys = await newKeys(curve)
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
  const keyId = sha256(spki.subarray(26))
  let uses = 0
  return {
    keyId: keyId.toString('base64'),
    attest: async (clientDataHash, changes = {}) => {
      const authData = authenticatorData(keyId, changes)
      const nonce = changes.nonce ?? sha256(authData, clientDataHash)
      const leaf = await leafOf(keys.publicKey, nonce, changes.issuer ?? issuer, changes.leaf)
      const der = [leaf, (changes.issuer ?? issuer).certificate].map(({ rawData }) => new Uint8Array(rawData))
      const x5c = [...(changes.chain?.(der[0]!, der[1]!) ?? der)]
      const statement = new Map<string, Uint8Array[] | Uint8Array>([['x5c', x5c]])
      statement.set('receipt', new Uint8Array(8))
      return encodeCBOR(
        new Map<string, never>([
          ['fmt', (changes.format ?? 'apple-appattest') as never],
          ['attStmt', statement as never],
          ['authData', authData as never],
        ]),
      )
    },
    assert: async (clientDataHash, { counter = ++uses, appId = APP_ID, key = keys.privateKey } = {}) => {
      const authenticator = head(appId, 0x40, counter)
      const raw = await crypto.subtle.sign(P256, key, Uint8Array.from(sha256(authenticator, clientDataHash)))
      return encodeCBOR(
        new Map([
          ['signature', derSignature(new Uint8Array(raw))],
          ['authenticatorData', authenticator],
        ]),
      )
    },
  }
}

function head(appId: string, flags: number, counter: number): Uint8Array {
  const tail = Buffer.alloc(5)
  tail.writeUInt8(flags)
  tail.writeUInt32BE(counter, 1)
  return Uint8Array.from(Buffer.concat([sha256(appId), tail]))
}

function authenticatorData(keyId: Uint8Array, changes: Changes): Uint8Array {
  const { appId = APP_ID, flags = 0x40, counter = 0, credentialId = keyId } = changes
  const { aaguid = 'appattest\0\0\0\0\0\0\0' } = changes
  const length = Buffer.from([credentialId.length >> 8, credentialId.length & 255])
  return Uint8Array.from(Buffer.concat([head(appId, flags, counter), Buffer.from(aaguid), length, credentialId]))
}

async function leafOf(
  publicKey: webcrypto.CryptoKey,
  nonce: Uint8Array,
  issuer: Authority,
  change: Changes['leaf'] = {},
) {
  const value = Uint8Array.from(Buffer.concat([Buffer.from('3024a1220420', 'hex'), nonce]))
  const extensions = [new Extension('1.2.840.113635.100.8.2', false, value)]
  return X509CertificateGenerator.create({
    subject: 'CN=a key',
    issuer: issuer.certificate.subject,
    publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: change.ca === true ? [...extensions, ...authority(true)] : extensions,
    ...around(change),
  })
}

/** r ‖ s as Apple encodes it. */
function derSignature(raw: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    const hex = Buffer.from(bytes)
      .toString('hex')
      .replace(/^(00)+(?=..)/, '')
    const positive = Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? `00${hex}` : hex
    return Buffer.concat([Buffer.from([2, positive.length / 2]), Buffer.from(positive, 'hex')])
  }
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Uint8Array.from(Buffer.concat([Buffer.from([0x30, body.length]), body]))
}

/** What a certificate may be for, other than certificates. */
export const SIGNATURES_ONLY = KeyUsageFlags.digitalSignature
