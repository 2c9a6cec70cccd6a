import { createPublicKey } from 'node:crypto'
import type { protos } from '@google-cloud/kms'
import { status } from '@grpc/grpc-js'
import { p256 } from '@noble/curves/nist.js'
import { checkSum, crc32c } from './kms-crypto.ts'
import { requireEnabled, versionNamed } from './kms-keys.ts'
import { isSigningKey, type KmsFile, refuse } from './kms-state.ts'

type Sign = protos.google.cloud.kms.v1.IAsymmetricSignRequest
type GetPublicKey = protos.google.cloud.kms.v1.IGetPublicKeyRequest

const DIGEST_BYTES = 32

/** Signing with EC_SIGN_P256_SHA256, the one algorithm of ours, with the checksums of Cloud KMS. */
export function signHandlers(file: KmsFile) {
  return {
    asymmetricSign: (request: Sign) => {
      const name = request.name ?? ''
      const secret = signingVersion(file, name)
      const digest = Buffer.from(request.digest?.sha256 ?? '')
      if (digest.length !== DIGEST_BYTES) refuse(status.INVALID_ARGUMENT, 'digest.sha256 has 32 bytes.')
      checkSum(digest, request.digestCrc32c, 'digest_crc32c')
      const signature = p256.sign(digest, secret, { prehash: false, lowS: false, format: 'der' })
      return {
        name,
        signature,
        signatureCrc32c: { value: crc32c(signature) },
        verifiedDigestCrc32c: request.digestCrc32c !== null && request.digestCrc32c !== undefined,
        protectionLevel: 'SOFTWARE',
      }
    },

    getPublicKey: (request: GetPublicKey) => {
      const name = request.name ?? ''
      const pem = pemOf(signingVersion(file, name))
      return {
        name,
        pem,
        pemCrc32c: { value: crc32c(Buffer.from(pem)) },
        algorithm: 'EC_SIGN_P256_SHA256',
        protectionLevel: 'SOFTWARE',
      }
    },
  }
}

function signingVersion(file: KmsFile, name: string): Uint8Array {
  const { key, version } = versionNamed(file.state(), name)
  if (!isSigningKey(key)) refuse(status.FAILED_PRECONDITION, `${name} is not a key of purpose ASYMMETRIC_SIGN.`)
  requireEnabled(name, version)
  return Buffer.from(version.material ?? '', 'base64')
}

function pemOf(secret: Uint8Array): string {
  const point = p256.getPublicKey(secret, false)
  const coordinate = (from: number) => Buffer.from(point.subarray(from, from + 32)).toString('base64url')
  const key = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) }
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString()
}
