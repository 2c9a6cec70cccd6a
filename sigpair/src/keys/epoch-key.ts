import { randomBytes } from 'node:crypto'
import { canonicalJson, toHex, utf8, WireError } from '@tandem/wire'
import type { EpochRecord, PairRecord, Sealed } from '../records.ts'
import { type Encrypted, decryptAead, encryptAead, KEY_BYTES } from '../seal/aead.ts'
import { type PairName, pairAt, type Stores } from '../stores.ts'

// A share rests in `parties`, which may be backed up, under a key that rests in `presignatures`, which never is: where that
// key is destroyed, no copy of the share opens any more. Source: docs/spec/storage.md 2.6, docs/decisions/0009.

const IV_BYTES = 12

export type EpochName = PairName & { readonly epoch: number }

/** A share that two databases hold together. */
export type SealedShare = { readonly share: Sealed; readonly epochKey: Sealed }

/** Seals the encoded share of a new epoch under a key of its own. The plaintext is overwritten. */
export async function sealShare({ sealer }: Stores, name: EpochName, share: Uint8Array): Promise<SealedShare> {
  const keyId = name.keyId.toLowerCase()
  const { epoch } = name
  const key = new Uint8Array(randomBytes(KEY_BYTES))
  try {
    const inner = join(encryptAead(key, aadOf(name), share))
    const [sealed, epochKey] = await Promise.all([
      sealer.seal({ purpose: 'share', keyId, epoch }, inner),
      sealer.seal({ purpose: 'epoch-key', keyId, epoch }, key),
    ])
    return { share: sealed, epochKey }
  } finally {
    share.fill(0)
    key.fill(0)
  }
}

/**
 * Opens Sigpair's share of one epoch, whatever the state of its pair but RETIRED.
 *
 * @returns the encoded share; the caller overwrites it
 * @throws {WireError} `INVALID_KEY_SHARE` if the epoch key is destroyed or lost, or a value does not open in this place
 */
export async function openShare(
  stores: Stores,
  keyId: string,
  epoch: Pick<EpochRecord, 'epoch' | 'ssid' | 'share'>,
): Promise<Uint8Array> {
  const pair = await stores.presignatures.get(pairAt({ keyId, ssid: epoch.ssid }))
  return openShareWith(stores, keyId, epoch, pair?.data)
}

/** As {@link openShare}, with the pair that was read already. */
export async function openShareWith(
  { sealer }: Pick<Stores, 'sealer'>,
  id: string,
  { epoch, ssid, share }: Pick<EpochRecord, 'epoch' | 'ssid' | 'share'>,
  pair: Pick<PairRecord, 'epochKey'> | undefined,
): Promise<Uint8Array> {
  if (!pair?.epochKey) throw new WireError('INVALID_KEY_SHARE')
  const keyId = id.toLowerCase()
  const [key, inner] = await Promise.all([
    sealer.open({ purpose: 'epoch-key', keyId, epoch }, pair.epochKey),
    sealer.open({ purpose: 'share', keyId, epoch }, share),
  ])
  try {
    return decryptAead(key, aadOf({ keyId, epoch, ssid }), split(inner))
  } finally {
    key.fill(0)
  }
}

/** The run is in it: two stages of one epoch do not open each other. */
function aadOf({ keyId, epoch, ssid }: EpochName): Uint8Array {
  return utf8(canonicalJson(['tandem-seal/1', 'epoch', keyId.toLowerCase(), epoch, toHex(ssid)]))
}

function join({ iv, ciphertext }: Encrypted): Uint8Array {
  const bytes = new Uint8Array(iv.length + ciphertext.length)
  bytes.set(iv)
  bytes.set(ciphertext, iv.length)
  return bytes
}

function split(bytes: Uint8Array): Encrypted {
  return { iv: bytes.slice(0, IV_BYTES), ciphertext: bytes.slice(IV_BYTES) }
}
