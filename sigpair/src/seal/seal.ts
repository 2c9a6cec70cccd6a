import { randomBytes } from 'node:crypto'
import { UsageError } from '@tandem/rounds'
import { canonicalJson, utf8 } from '@tandem/wire'
import { decryptAead, encryptAead, KEY_BYTES } from './aead.ts'
import type { Kms } from './kms.ts'
import type { Sealed } from '../records.ts'

/** What a sealed value is and whose. It is authenticated: a value moved to another place does not open. */
export type SealContext = {
  readonly purpose: 'share' | 'epoch-key' | 'pair' | 'presignature' | 'identity'
  readonly keyId: string
  readonly epoch: number
}

export type Seals = {
  seal(context: SealContext, plaintext: Uint8Array): Promise<Sealed>
  /** @throws {WireError} `INVALID_KEY_SHARE` for anything but what {@link Seals.seal} made in the same context */
  open(context: SealContext, sealed: Sealed): Promise<Uint8Array>
}

/** Wraps one data key per context and keeps it until `end`, which must be called: a batch costs KMS one call. */
export type SealSession = Seals & { readonly end: () => void }

export type Sealer = Seals & { readonly session: () => SealSession }

type DataKey = { readonly key: Uint8Array; readonly wrappedKey: Uint8Array; readonly kek: string }

/**
 * AES-256-GCM under a fresh data key for every record, which KMS wraps. The only place where a share and KMS meet.
 *
 * Source: docs/spec/storage.md, section 2.
 */
export function createSealer(kms: Pick<Kms, 'wrap' | 'unwrap'>): Sealer {
  const open = async (context: SealContext, sealed: Sealed) => {
    const key = await kms.unwrap(sealed.wrappedKey, sealed.kek, keyAad(context))
    try {
      return decrypt(context, sealed, key)
    } finally {
      key.fill(0)
    }
  }
  const seal = async (context: SealContext, plaintext: Uint8Array) => {
    const dataKey = await freshKey(kms, context)
    try {
      return encrypt(context, plaintext, dataKey)
    } finally {
      dataKey.key.fill(0)
    }
  }
  return { seal, open, session: () => session(kms, open) }
}

/**
 * The same value under a fresh data key, which the primary key version wraps. The data names the version it was sealed
 * under, so it is encrypted anew and not only its key.
 *
 * @throws {WireError} as {@link Seals.open}: also if the value does not belong to the place it names
 */
export async function reseal(seals: Seals, sealed: Sealed): Promise<Sealed> {
  const value = await seals.open(sealed.context, sealed)
  try {
    return await seals.seal(sealed.context, value)
  } finally {
    value.fill(0)
  }
}

function session(kms: Pick<Kms, 'wrap' | 'unwrap'>, open: Seals['open']): SealSession {
  const keys = new Map<string, Promise<DataKey>>()
  let ended = false
  const keyFor = (context: SealContext) => {
    const name = canonicalJson(context)
    const key = keys.get(name) ?? freshKey(kms, context)
    keys.set(name, key)
    // One failure of KMS must not fail every later record of the dialogue.
    key.catch(() => keys.delete(name))
    return key
  }
  return {
    open,
    async seal(context, plaintext) {
      const key = await keyFor(context)
      if (ended) throw new UsageError('this sealing session has ended') // its key is zero by now
      return encrypt(context, plaintext, key)
    },
    end() {
      ended = true
      for (const key of keys.values()) void wipe(key)
      keys.clear()
    },
  }
}

async function wipe(key: Promise<DataKey>): Promise<void> {
  await key.then(
    (dataKey) => dataKey.key.fill(0),
    () => {},
  )
}

async function freshKey(kms: Pick<Kms, 'wrap' | 'unwrap'>, context: SealContext): Promise<DataKey> {
  const key = new Uint8Array(randomBytes(KEY_BYTES))
  try {
    return { key, ...(await kms.wrap(key, keyAad(context))) }
  } catch (cause) {
    key.fill(0)
    throw cause
  }
}

function encrypt(context: SealContext, plaintext: Uint8Array, { key, wrappedKey, kek }: DataKey): Sealed {
  return { context, kek, wrappedKey, ...encryptAead(key, dataAad(context, kek), plaintext) }
}

function decrypt(context: SealContext, sealed: Sealed, key: Uint8Array): Uint8Array {
  return decryptAead(key, dataAad(context, sealed.kek), sealed)
}

/** Binds the wrapped key to its place. */
function keyAad({ purpose, keyId, epoch }: SealContext): Uint8Array {
  return utf8(canonicalJson(['tandem-seal/1', 'key', purpose, keyId, epoch]))
}

/** Binds the data to its place and to the version of the key encryption key. */
function dataAad({ purpose, keyId, epoch }: SealContext, kek: string): Uint8Array {
  return utf8(canonicalJson(['tandem-seal/1', 'data', purpose, keyId, epoch, kek]))
}
