import { x25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { type CipherState, TAG_BYTES } from './cipher-state.ts'
import { WireError } from './errors.ts'
import { MAX_NOISE_MESSAGE } from './limits.ts'
import { SymmetricState } from './symmetric-state.ts'

const PROTOCOL_NAME = 'Noise_IK_25519_ChaChaPoly_SHA256'

/** Bytes of an X25519 key. */
export const KEY_BYTES = 32

/** What message A adds to its payload: e, the sealed s, and the payload's tag. */
export const MESSAGE_A_OVERHEAD = KEY_BYTES + KEY_BYTES + TAG_BYTES + TAG_BYTES

/** What message B adds to its payload: e, and the payload's tag. */
export const MESSAGE_B_OVERHEAD = KEY_BYTES + TAG_BYTES

/** X25519. A server may lend a native one; it must give the same results, and may throw on low-order points. */
export type Dh = {
  readonly sharedSecret: (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array
  readonly publicKey: (secretKey: Uint8Array) => Uint8Array
}

export type KeyPair = { readonly secretKey: Uint8Array; readonly publicKey: Uint8Array }

export const nobleDh: Dh = { sharedSecret: x25519.getSharedSecret, publicKey: x25519.getPublicKey }

export type NoiseConfig = {
  /** both sides must give the same bytes */
  readonly prologue: Uint8Array
  readonly s: KeyPair
  /** the responder's static key, known to the initiator beforehand; absent makes this side the responder */
  readonly rs?: Uint8Array
  /** called once, for the 32 bytes of the ephemeral key; they are erased with the handshake */
  readonly rng: (n: number) => Uint8Array
  readonly dh: Dh
}

/** What the last handshake message yields: its payload, and one cipher per direction. */
export type Established = { readonly payload: Uint8Array; readonly send: CipherState; readonly receive: CipherState }

type Turn = 'write A' | 'read A' | 'write B' | 'read B' | 'over'

/**
 * Noise IK, a direct translation of the Noise specification rev 34, section 5.3; it knows nothing of Tandem.
 *
 *     IK:  <- s
 *          ...
 *          -> e, es, s, ss      message A
 *          <- e, ee, se         message B
 *
 * Each method works once and in this order. Whatever fails, the state is erased and never sees another byte.
 */
export class HandshakeState {
  readonly #symmetric = new SymmetricState(PROTOCOL_NAME)
  readonly #dh: Dh
  readonly #rng: (n: number) => Uint8Array
  readonly #s: KeyPair
  #e: KeyPair | undefined
  #rs: Uint8Array | undefined
  #re: Uint8Array | undefined
  #turn: Turn

  constructor({ prologue, s, rs, rng, dh }: NoiseConfig) {
    if (rs !== undefined && rs.length !== KEY_BYTES) throw new RangeError('rs is not an X25519 key')
    this.#dh = dh
    this.#rng = rng
    this.#s = s
    this.#rs = rs
    this.#turn = rs === undefined ? 'read A' : 'write A'
    this.#symmetric.mixHash(prologue)
    this.#symmetric.mixHash(rs ?? s.publicKey) // <- s
  }

  /** -> e, es, s, ss */
  writeMessageA(payload: Uint8Array): Uint8Array {
    return this.#attempt('write A', 'read B', () => {
      requireRoom(payload, MESSAGE_A_OVERHEAD)
      const e = this.#generate() // e
      this.#mixDh(e, this.#rs) // es
      const s = this.#symmetric.encryptAndHash(this.#s.publicKey) // s
      this.#mixDh(this.#s, this.#rs) // ss
      return concatBytes(e.publicKey, s, this.#symmetric.encryptAndHash(payload))
    })
  }

  /** -> e, es, s, ss. Returns the initiator's static key with the payload. Neither is fresh: A can be replayed. */
  readMessageA(message: Uint8Array): { readonly payload: Uint8Array; readonly rs: Uint8Array } {
    return this.#attempt('read A', 'write B', () => {
      requireLength(message, MESSAGE_A_OVERHEAD)
      this.#receive(message.slice(0, 32)) // e
      this.#mixDh(this.#s, this.#re) // es
      const rs = this.#symmetric.decryptAndHash(message.subarray(32, 80)) // s
      this.#rs = rs
      this.#mixDh(this.#s, rs) // ss
      return { payload: this.#symmetric.decryptAndHash(message.subarray(80)), rs: rs.slice() }
    })
  }

  /** <- e, ee, se */
  writeMessageB(payload: Uint8Array): Omit<Established, 'payload'> & { readonly message: Uint8Array } {
    return this.#attempt('write B', 'over', () => {
      requireRoom(payload, MESSAGE_B_OVERHEAD)
      const e = this.#generate() // e
      this.#mixDh(e, this.#re) // ee
      this.#mixDh(e, this.#rs) // se
      const message = concatBytes(e.publicKey, this.#symmetric.encryptAndHash(payload))
      const [receive, send] = this.#split()
      return { message, send, receive }
    })
  }

  /** <- e, ee, se */
  readMessageB(message: Uint8Array): Established {
    return this.#attempt('read B', 'over', () => {
      requireLength(message, MESSAGE_B_OVERHEAD)
      this.#receive(message.slice(0, 32)) // e
      this.#mixDh(this.#e, this.#re) // ee
      this.#mixDh(this.#s, this.#re) // se
      const payload = this.#symmetric.decryptAndHash(message.subarray(32))
      const [send, receive] = this.#split()
      return { payload, send, receive }
    })
  }

  /** Ends the handshake wherever it is. */
  erase(): void {
    this.#turn = 'over'
    this.#symmetric.erase()
    this.#e?.secretKey.fill(0)
    this.#e = undefined
  }

  #attempt<T>(turn: Turn, next: Turn, step: () => T): T {
    if (this.#turn !== turn) throw new WireError('PROTOCOL_ABORTED', 'a handshake step out of turn')
    try {
      const result = step()
      this.#turn = next
      return result
    } catch (cause) {
      this.erase()
      throw cause
    }
  }

  #generate(): KeyPair {
    const secretKey = this.#rng(KEY_BYTES)
    const e = { secretKey, publicKey: this.#dh.publicKey(secretKey) }
    this.#e = e
    this.#symmetric.mixHash(e.publicKey)
    return e
  }

  #receive(re: Uint8Array): void {
    this.#re = re
    this.#symmetric.mixHash(re)
  }

  #mixDh(ours: KeyPair | undefined, theirs: Uint8Array | undefined): void {
    if (ours === undefined || theirs === undefined) throw new Error('a DH before its keys')
    const secret = sharedSecret(this.#dh, ours.secretKey, theirs)
    this.#symmetric.mixKey(secret)
    secret.fill(0)
  }

  #split(): readonly [CipherState, CipherState] {
    const ciphers = this.#symmetric.split()
    this.erase()
    return ciphers
  }
}

/** Refuses an all-zero result (RFC 7748, section 6.1): a low-order point would take our key out of the exchange. */
function sharedSecret(dh: Dh, secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  let secret: Uint8Array
  try {
    secret = dh.sharedSecret(secretKey, publicKey)
  } catch (cause) {
    throw new WireError('UNAUTHENTICATED', undefined, { cause })
  }
  if (secret.reduce((any, b) => any | b, 0) === 0) throw new WireError('UNAUTHENTICATED')
  return secret
}

function requireRoom(payload: Uint8Array, overhead: number): void {
  if (payload.length + overhead > MAX_NOISE_MESSAGE) throw new RangeError(`a Noise payload of ${payload.length} bytes`)
}

function requireLength(message: Uint8Array, atLeast: number): void {
  if (message.length > MAX_NOISE_MESSAGE) throw new WireError('FRAME_TOO_LARGE')
  if (message.length < atLeast) throw new WireError('FRAME_INVALID', 'handshake')
}
