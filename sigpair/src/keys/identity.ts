import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Rng } from '@tandem/rounds'
import { isStoreError } from '@tandem/store'
import { fromBase64url } from '@tandem/wire'
import type { SealContext } from '../seal/seal.ts'
import { identityAt, type Stores } from '../stores.ts'

/** Sigpair's own keys, 32 bytes each: X25519 of the encrypted channel, Ed25519 as party 2 of every key. */
export type SigpairIdentity = {
  readonly exchange: { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array }
  readonly identity: {
    readonly publicKey: Uint8Array
    readonly sign: (message: Uint8Array) => Uint8Array
    /** for a thread of ours: it can be handed over, and does not print */
    readonly key: KeyObject
  }
}

const CONTEXT: SealContext = { purpose: 'identity', keyId: 'sigpair', epoch: 1 }

/** DER in front of the 32 secret bytes. Source: RFC 8410, section 7. */
const PKCS8 = {
  ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  x25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
}

/**
 * Opens the identity, creating it first if there is none. When several instances start at once one creates it and all
 * open the same.
 */
export async function loadIdentity(stores: Stores, rng: Rng = csprng): Promise<SigpairIdentity> {
  const found = (await stores.parties.get(identityAt())) ?? (await createIdentity(stores, rng))
  if (!found) throw new Error('the identity was neither found nor created')
  const secrets = await stores.sealer.open(CONTEXT, found.data.secrets)
  const opened = openIdentity(secrets)
  secrets.fill(0)
  return opened
}

const csprng: Rng = (n) => new Uint8Array(randomBytes(n))

async function createIdentity({ parties, sealer, now }: Stores, rng: Rng) {
  const bytes = rng(64)
  const secrets = await sealer.seal(CONTEXT, bytes)
  bytes.fill(0)
  try {
    await parties.create(identityAt(), { secrets, createdAt: now() })
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
  }
  return parties.get(identityAt())
}

function openIdentity(secrets: Uint8Array): SigpairIdentity {
  const signing = privateKey('ed25519', secrets.subarray(0, 32))
  const scalar = secrets.slice(32)
  return {
    exchange: { privateKey: scalar, publicKey: publicKeyOf(privateKey('x25519', scalar)) },
    identity: {
      publicKey: publicKeyOf(signing),
      sign: (message) => new Uint8Array(sign(null, message, signing)),
      key: signing,
    },
  }
}

function privateKey(curve: keyof typeof PKCS8, secret: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8[curve], secret])
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } finally {
    der.fill(0)
  }
}

function publicKeyOf(key: KeyObject): Uint8Array {
  return fromBase64url(createPublicKey(key).export({ format: 'jwk' }).x ?? '')
}
