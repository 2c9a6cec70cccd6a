import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { PasskeyAssertion, PasskeyRegistration } from '@tandem/wire'

/** A WebAuthn authenticator in software: one ES256 credential, attestation "none". */
export type Authenticator = {
  readonly create: (challenge: string, change?: Change) => PasskeyRegistration
  readonly get: (challenge: string, change?: Change) => PasskeyAssertion
}

/** What an attacker would change. */
export type Change = {
  readonly origin?: string
  readonly rpId?: string
  readonly counter?: number
  /** bit 0: the user was there; bit 2: and was verified */
  readonly flags?: number
}

const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04
const HAS_CREDENTIAL = 0x40

export function authenticator(rpId = 'wallet.example', origin = 'https://wallet.example'): Authenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const credential = randomBytes(32)
  let counter = 0

  const data = (change: Change, flags: number) => {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(change.counter ?? ++counter)
    return Buffer.concat([sha256(change.rpId ?? rpId), Uint8Array.of(change.flags ?? flags), count])
  }
  const client = (type: string, challenge: string, change: Change) =>
    Buffer.from(JSON.stringify({ type, challenge, origin: change.origin ?? origin, crossOrigin: false }))
  const named = {
    id: credential.toString('base64url'),
    rawId: credential.toString('base64url'),
    type: 'public-key',
    clientExtensionResults: {},
  } as const

  return {
    create: (challenge, change = {}) => {
      const key = cbor(
        new Map<number, unknown>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, bytes(x)],
          [-3, bytes(y)],
        ]),
      )
      const length = Uint8Array.of(0, credential.length)
      const authData = Buffer.concat([
        data(change, USER_PRESENT | USER_VERIFIED | HAS_CREDENTIAL),
        Buffer.alloc(16),
        length,
        credential,
        key,
      ])
      const attestation = cbor(
        new Map<string, unknown>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', authData],
        ]),
      )
      const clientDataJSON = client('webauthn.create', challenge, change).toString('base64url')
      return { ...named, response: { clientDataJSON, attestationObject: attestation.toString('base64url') } }
    },
    get: (challenge, change = {}) => {
      const authData = data(change, USER_PRESENT | USER_VERIFIED)
      const clientData = client('webauthn.get', challenge, change)
      const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), privateKey)
      return {
        ...named,
        response: {
          clientDataJSON: clientData.toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          signature: signature.toString('base64url'),
        },
      }
    },
  }
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest()
const bytes = (coordinate: string | undefined) => Buffer.from(coordinate ?? '', 'base64url')

/** RFC 8949, as far as an attestation needs it: small integers, bytes, text, maps. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (typeof value === 'string') return Buffer.concat([head(3, value.length), Buffer.from(value)])
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flat().map(cbor)])
  throw new TypeError('not needed')
}

function head(major: number, n: number): Buffer {
  if (n < 24) return Buffer.of((major << 5) | n)
  if (n < 256) return Buffer.of((major << 5) | 24, n)
  return Buffer.of((major << 5) | 25, n >> 8, n & 255)
}
