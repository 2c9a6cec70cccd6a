import { createHash } from 'node:crypto'

/** The authenticator data of App Attest: WebAuthn level 3, 6.1, whatever follows left alone. */
export type AuthenticatorData = {
  /** SHA-256 of `teamId.bundleId` */
  readonly rpIdHash: Uint8Array
  readonly counter: number
}

/** Of an attestation: with the key it is about. */
export type AttestedData = AuthenticatorData & { readonly aaguid: Uint8Array; readonly credentialId: Uint8Array }

const HEAD = 37
const AAGUID = 16
const HAS_KEY = 0x40

/** @throws {RangeError} */
export function readAuthenticatorData(bytes: Uint8Array): AuthenticatorData {
  if (bytes.length < HEAD || bytes.length > 1_024) throw new RangeError('authenticator data of another length')
  return { rpIdHash: bytes.subarray(0, 32), counter: viewOf(bytes).getUint32(33) }
}

/** @throws {RangeError} */
export function readAttestedData(bytes: Uint8Array): AttestedData {
  const head = readAuthenticatorData(bytes)
  const idAt = HEAD + AAGUID + 2
  if ((bytes[32]! & HAS_KEY) === 0 || bytes.length < idAt) throw new RangeError('authenticator data without a key')
  const end = idAt + viewOf(bytes).getUint16(HEAD + AAGUID)
  if (bytes.length < end) throw new RangeError('authenticator data that ends too early')
  return { ...head, aaguid: bytes.subarray(HEAD, HEAD + AAGUID), credentialId: bytes.subarray(idAt, end) }
}

export function sha256(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
