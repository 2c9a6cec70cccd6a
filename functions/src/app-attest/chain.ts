// @peculiar/x509 finds its parts by decorators
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509Certificate } from '@peculiar/x509'
import { check, formed } from './check.ts'

/** The path from a key's certificate to the root: RFC 5280, section 6, as far as a path of fixed length has it. */

/**
 * @param x5c      DER: the key's certificate, then the one of who issued it, and no other
 * @param rootPem  whom the operator trusts
 * @returns the key's certificate
 * @throws {WireError} `VALIDATION_FAILED`, `FORBIDDEN`
 */
export async function verifiedLeaf(x5c: readonly Uint8Array[], rootPem: string, at: Date): Promise<X509Certificate> {
  check(x5c.length === 2, 'a chain of two certificates')
  const [leaf, intermediate] = formed('attestation', () =>
    x5c.map((der) => new X509Certificate(Uint8Array.from(der))),
  ) as [X509Certificate, X509Certificate]
  const root = new X509Certificate(rootPem)
  check(isValid(leaf, at), 'a certificate that is valid now')
  check(isValid(intermediate, at), 'an issuer that is valid now')
  check(isValid(root, at), 'a root that is valid now')
  check(!isAuthority(leaf), 'a certificate of a key, not of an authority')
  check(isAuthority(intermediate), 'an issuer that may issue')
  check(await isIssuedBy(intermediate, root), 'an issuer under the root')
  check(await isIssuedBy(leaf, intermediate), 'a certificate of the issuer')
  return leaf
}

const isValid = ({ notBefore, notAfter }: X509Certificate, at: Date) => notBefore <= at && at <= notAfter

function isAuthority(certificate: X509Certificate): boolean {
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages ?? 0
  const isCa = certificate.getExtension(BasicConstraintsExtension)?.ca === true
  return isCa && (usages & KeyUsageFlags.keyCertSign) !== 0
}

async function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): Promise<boolean> {
  if (certificate.issuer !== issuer.subject) return false
  return certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true }).catch(() => false)
}
