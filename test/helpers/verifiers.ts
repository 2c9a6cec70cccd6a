import { createHash, createPublicKey, verify } from 'node:crypto'
import { native } from '@tandem/ec-native'
import { noble } from '../../shared/ecdsa/src/math/noble.ts'
import { type Signature, toDer } from '../../shared/ecdsa/src/signing/signature.ts'

/** SubjectPublicKeyInfo of a compressed secp256k1 point, up to the point. */
const SPKI = Buffer.from('3036301006072a8648ce3d020106052b8104000a032200', 'hex')

/** What was signed in a test: the text, because OpenSSL insists on hashing it itself, and its digest. */
export type SignedText = { readonly text: string; readonly digest: Uint8Array }

export function signedText(text: string): SignedText {
  return { text, digest: Uint8Array.from(createHash('sha256').update(text).digest()) }
}

/**
 * Every verifier we have: noble, OpenSSL, and libsecp256k1 where it loads; the recovery id too.
 *
 * @returns the names of those that refuse, so that a test expects `[]`
 */
export function refusals(signature: Signature, { text, digest }: SignedText, publicKey: Uint8Array): string[] {
  const { compact, recovery } = signature
  const recovers = (found: Uint8Array | undefined) => found !== undefined && Buffer.from(publicKey).equals(found)
  const libsecp256k1 = native()
  const votes = {
    noble: noble.verify(compact, digest, publicKey),
    nobleRecovery: recovers(noble.recover(compact, recovery, digest)),
    openssl: opensslAccepts(compact, text, publicKey),
    libsecp256k1: libsecp256k1?.verify(compact, digest, publicKey) ?? true,
    libsecp256k1Recovery: libsecp256k1 === undefined || recovers(libsecp256k1.recover(compact, recovery, digest)),
  }
  return Object.entries(votes).flatMap(([name, accepts]) => (accepts ? [] : name))
}

function opensslAccepts(compact: Uint8Array, text: string, publicKey: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' })
  return verify('sha256', Buffer.from(text), key, toDer(compact))
}
