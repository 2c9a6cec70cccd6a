import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { protos } from '@google-cloud/kms'
import { status } from '@grpc/grpc-js'
import { requireEnabled, versionNamed } from './kms-keys.ts'
import { type CryptoKey, cryptoKeyNamed, isSigningKey, type KmsFile, refuse } from './kms-state.ts'

type Encrypt = protos.google.cloud.kms.v1.IEncryptRequest
type Decrypt = protos.google.cloud.kms.v1.IDecryptRequest
type RandomBytes = protos.google.cloud.kms.v1.IGenerateRandomBytesRequest
type Bytes = Uint8Array | string | null | undefined
type Checksum = protos.google.protobuf.IInt64Value | null | undefined

/** The limit of Cloud KMS for software keys. */
const MAX_BYTES = 65_536

const HEADER_BYTES = 4
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypt, decrypt and random bytes, with the checksums of Cloud KMS. A ciphertext is
 *
 *     offset  bytes  field
 *     0       4      number of the key version, big endian
 *     4       12     iv
 *     16      rest   AES-256-GCM over the plaintext, tag last; associated data: the number, then the caller's
 */
export function cryptoHandlers(file: KmsFile) {
  return {
    encrypt: (request: Encrypt) => {
      const plaintext = bytes(request.plaintext, 'plaintext')
      const aad = bytes(request.additionalAuthenticatedData, 'additional_authenticated_data')
      checkSum(plaintext, request.plaintextCrc32c, 'plaintext_crc32c')
      checkSum(aad, request.additionalAuthenticatedDataCrc32c, 'additional_authenticated_data_crc32c')

      const { name, number, material } = encryptingVersion(file, request.name ?? '')
      const ciphertext = seal(material, number, plaintext, aad)
      return {
        name,
        ciphertext,
        ciphertextCrc32c: { value: crc32c(ciphertext) },
        verifiedPlaintextCrc32c: hasValue(request.plaintextCrc32c),
        verifiedAdditionalAuthenticatedDataCrc32c: hasValue(request.additionalAuthenticatedDataCrc32c),
        protectionLevel: 'SOFTWARE',
      }
    },

    decrypt: (request: Decrypt) => {
      const ciphertext = bytes(request.ciphertext, 'ciphertext')
      const aad = bytes(request.additionalAuthenticatedData, 'additional_authenticated_data')
      checkSum(ciphertext, request.ciphertextCrc32c, 'ciphertext_crc32c')
      checkSum(aad, request.additionalAuthenticatedDataCrc32c, 'additional_authenticated_data_crc32c')

      const keyName = request.name ?? ''
      const { primary, versions } = encryptionKeyNamed(file, keyName)
      const number = ciphertext.length < HEADER_BYTES ? 0 : view(ciphertext).getUint32(0)
      const version = versions[number - 1] ?? invalid()
      requireEnabled(`${keyName}/cryptoKeyVersions/${number}`, version)
      const plaintext = open(materialOf(version), ciphertext, aad)
      return {
        plaintext,
        plaintextCrc32c: { value: crc32c(plaintext) },
        usedPrimary: number === primary,
        protectionLevel: 'SOFTWARE',
      }
    },

    generateRandomBytes: ({ lengthBytes }: RandomBytes) => {
      const length = lengthBytes ?? 0
      if (length < 8 || length > 1_024) refuse(status.INVALID_ARGUMENT, 'length_bytes is 8 to 1024.')
      const data = randomBytes(length)
      return { data, dataCrc32c: { value: crc32c(data) } }
    },
  }
}

function encryptionKeyNamed(file: KmsFile, name: string): CryptoKey {
  const key = cryptoKeyNamed(file.state(), name)
  if (isSigningKey(key)) refuse(status.FAILED_PRECONDITION, `${name} is not a key of purpose ENCRYPT_DECRYPT.`)
  return key
}

/** A key encrypts under its primary version, a version under itself. */
function encryptingVersion(file: KmsFile, asked: string) {
  const name = asked.includes('/cryptoKeyVersions/') ? asked : primaryName(file, asked)
  const { keyName, version, number } = versionNamed(file.state(), name)
  encryptionKeyNamed(file, keyName)
  requireEnabled(name, version)
  return { name, number, material: materialOf(version) }
}

function primaryName(file: KmsFile, keyName: string): string {
  const { primary } = cryptoKeyNamed(file.state(), keyName)
  if (primary === null) return refuse(status.FAILED_PRECONDITION, `${keyName} has no primary version.`)
  return `${keyName}/cryptoKeyVersions/${primary}`
}

function seal(material: Buffer, number: number, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(number)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', material, iv).setAAD(Buffer.concat([header, aad]))
  return Buffer.concat([header, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function open(material: Buffer, sealed: Uint8Array, aad: Uint8Array): Buffer {
  const body = sealed.subarray(HEADER_BYTES)
  if (body.length < IV_BYTES + TAG_BYTES) return invalid()
  const cipher = createDecipheriv('aes-256-gcm', material, body.subarray(0, IV_BYTES))
    .setAAD(Buffer.concat([sealed.subarray(0, HEADER_BYTES), aad]))
    .setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([cipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), cipher.final()])
  } catch {
    return invalid()
  }
}

function materialOf({ material }: { readonly material: string | null }): Buffer {
  return material === null ? invalid() : Buffer.from(material, 'base64')
}

const invalid = () => refuse(status.INVALID_ARGUMENT, 'Decryption failed: the ciphertext is invalid.')

function bytes(field: Bytes, name: string): Uint8Array {
  const value = field instanceof Uint8Array ? field : Buffer.from(field ?? '', 'base64')
  if (value.length > MAX_BYTES) refuse(status.INVALID_ARGUMENT, `${name} has more than ${MAX_BYTES} bytes.`)
  return value
}

/** Of absent wrapper messages, the loader makes null; of present ones, a decimal string. */
const hasValue = (sum: Checksum) => sum !== null && sum !== undefined

export function checkSum(data: Uint8Array, given: Checksum, name: string): void {
  if (hasValue(given) && Number(given?.value) !== crc32c(data))
    refuse(status.INVALID_ARGUMENT, `The checksum in field ${name} did not match the data.`)
}

const view = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength)

/** CRC-32C (Castagnoli), bit by bit: written apart from the client's, so that one checks the other. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
