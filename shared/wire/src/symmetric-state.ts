import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from './canonical.ts'
import { CipherState } from './cipher-state.ts'

/**
 * Chaining key and transcript hash. Noise specification rev 34, section 5.2, for SHA-256 and for patterns that encrypt
 * nothing before their first `mixKey`: the paper's mode without a key does not exist here.
 */
export class SymmetricState {
  #ck: Uint8Array
  #h: Uint8Array
  #cipher: CipherState | undefined

  /** @param protocolName exactly 32 ASCII characters, so that it is its own hash (section 5.2) */
  constructor(protocolName: string) {
    this.#h = utf8(protocolName)
    if (this.#h.length !== 32) throw new RangeError('the protocol name is not 32 bytes')
    this.#ck = this.#h.slice()
  }

  mixKey(ikm: Uint8Array): void {
    const [ck, key] = hkdf2(this.#ck, ikm)
    this.#ck.fill(0)
    this.#cipher?.erase()
    this.#ck = ck
    this.#cipher = new CipherState(key)
  }

  mixHash(data: Uint8Array): void {
    this.#h = sha256.create().update(this.#h).update(data).digest()
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#keyed().encryptWithAd(this.#h, plaintext)
    this.mixHash(ciphertext)
    return ciphertext
  }

  /** @throws {WireError} `UNAUTHENTICATED` for another key or another transcript */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#keyed().decryptWithAd(this.#h, ciphertext)
    this.mixHash(ciphertext)
    return plaintext
  }

  /** One key per direction: the initiator's first, then the responder's. */
  split(): readonly [CipherState, CipherState] {
    const [first, second] = hkdf2(this.#ck, new Uint8Array(0))
    return [new CipherState(first), new CipherState(second)]
  }

  erase(): void {
    this.#ck.fill(0)
    this.#cipher?.erase()
    this.#cipher = undefined
  }

  #keyed(): CipherState {
    if (this.#cipher === undefined) throw new Error('nothing is encrypted before the first mixKey')
    return this.#cipher
  }
}

/** HKDF of the Noise specification, section 4.3: RFC 5869 with the chaining key as salt and no info. */
function hkdf2(ck: Uint8Array, ikm: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const okm = hkdf(sha256, ikm, ck, undefined, 64)
  const parts = [okm.slice(0, 32), okm.slice(32)] as const
  okm.fill(0)
  return parts
}
