import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { WireError } from './errors.ts'

/** What the AEAD adds to a plaintext. */
export const TAG_BYTES = 16

/**
 * Messages one key protects; then it is dead. Noise allows 2^64 − 1: a dialogue has a few hundred, and a small bound is
 * one that a test can reach.
 */
export const MAX_MESSAGES_PER_KEY = 65_536

/**
 * A key and its counter, for one direction. Noise specification rev 34, section 5.1, with two intentional divergences:
 * there is always a key (nothing passes in the clear), and a ciphertext that fails kills the state instead of leaving
 * the nonce where it was.
 */
export class CipherState {
  #key: Uint8Array | undefined
  #nonce = 0

  /** @param key 32 bytes, owned by this object from here on */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  /** @throws {WireError} `PROTOCOL_ABORTED` when the state is dead or its nonces are used up */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#next(ad).encrypt(plaintext)
  }

  /** @throws {WireError} `UNAUTHENTICATED` for a ciphertext that is not the next one; `PROTOCOL_ABORTED` as above */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const cipher = this.#next(ad)
    try {
      return cipher.decrypt(ciphertext)
    } catch (cause) {
      this.erase()
      throw new WireError('UNAUTHENTICATED', undefined, { cause })
    }
  }

  /** Best effort: the engine may have copied the key. */
  erase(): void {
    this.#key?.fill(0)
    this.#key = undefined
  }

  /** The counter moves before the key is used, so that no exception can bring a nonce back. */
  #next(ad: Uint8Array): ReturnType<typeof chacha20poly1305> {
    if (this.#nonce >= MAX_MESSAGES_PER_KEY) this.erase()
    if (this.#key === undefined) throw new WireError('PROTOCOL_ABORTED', 'the channel is closed')
    const nonce = new Uint8Array(12)
    new DataView(nonce.buffer).setUint32(4, this.#nonce++, true) // 4 zero bytes ‖ LE64(n)
    return chacha20poly1305(this.#key, nonce, ad)
  }
}
