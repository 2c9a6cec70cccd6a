import { randomBytes } from 'node:crypto'
import { UsageError } from '@tandem/rounds'
import { canonicalJson, toHex, utf8 } from '@tandem/wire'
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

/**
 * Wraps one data key per context, unwraps each once, and keeps them until `end`, which must be called: a batch costs KMS one
 * call each way.
 */
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
    const key = await knownKey(kms, context, sealed)
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
  return { seal, open, session: () => session(kms) }
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

function session(kms: Pick<Kms, 'wrap' | 'unwrap'>): SealSession {
  const fresh = keep<DataKey>()
  const known = keep<Uint8Array>()
  let ended = false
  const alive = <T>(key: T): T => {
    if (ended) throw new UsageError('this sealing session has ended') // its keys are zero by now
    return key
  }
  return {
    async seal(context, plaintext) {
      return encrypt(
        context,
        plaintext,
        alive(await fresh.get(canonicalJson(context), async () => freshKey(kms, context))),
      )
    },
    async open(context, sealed) {
      const name = canonicalJson([context, sealed.kek, toHex(sealed.wrappedKey)])
      return decrypt(context, sealed, alive(await known.get(name, async () => knownKey(kms, context, sealed))))
    },
    end() {
      ended = true
      for (const key of fresh.all()) void wipe(key, (dataKey) => dataKey.key)
      for (const key of known.all()) void wipe(key, (bytes) => bytes)
    },
  }
}

/** What was asked for once is not asked for again, unless it failed: one failure of KMS must not fail every later record. */
function keep<T>() {
  const keys = new Map<string, Promise<T>>()
  return {
    get(name: string, make: () => Promise<T>): Promise<T> {
      const key = keys.get(name) ?? make()
      keys.set(name, key)
      key.catch(() => keys.delete(name))
      return key
    },
    all: () => keys.values(),
  }
}

async function wipe<T>(key: Promise<T>, bytesOf: (key: T) => Uint8Array): Promise<void> {
  await key.then(
    (made) => bytesOf(made).fill(0),
    () => {},
  )
}

async function knownKey(kms: Pick<Kms, 'unwrap'>, context: SealContext, { wrappedKey, kek }: Sealed) {
  return kms.unwrap(wrappedKey, kek, keyAad(context))
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
