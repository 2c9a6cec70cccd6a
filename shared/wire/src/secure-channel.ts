import { type CipherState, TAG_BYTES } from './cipher-state.ts'
import { WireError } from './errors.ts'
import { MAX_NOISE_MESSAGE } from './limits.ts'

const NO_AD = new Uint8Array(0)

/**
 * The two directions of an established dialogue, each with its own key and counter. A message that is not exactly the
 * next one of its direction ends both: after any failure nothing can be sealed or opened.
 *
 * Source: docs/spec/wire.md, section 4.
 */
export class SecureChannel {
  readonly #send: CipherState
  readonly #receive: CipherState

  constructor(send: CipherState, receive: CipherState) {
    this.#send = send
    this.#receive = receive
  }

  /** @throws {WireError} `FRAME_TOO_LARGE`, or `PROTOCOL_ABORTED` when the channel is closed */
  seal(frame: Uint8Array): Uint8Array {
    return this.#orClose(() => {
      if (frame.length + TAG_BYTES > MAX_NOISE_MESSAGE) throw new WireError('FRAME_TOO_LARGE')
      return this.#send.encryptWithAd(NO_AD, frame)
    })
  }

  /** @throws {WireError} `FRAME_TOO_LARGE`, `FRAME_INVALID` for whatever is not the peer's next message, or as above */
  open(message: Uint8Array): Uint8Array {
    return this.#orClose(() => {
      if (message.length > MAX_NOISE_MESSAGE) throw new WireError('FRAME_TOO_LARGE')
      return this.#receive.decryptWithAd(NO_AD, message)
    })
  }

  /** Erases both keys. */
  close(): void {
    this.#send.erase()
    this.#receive.erase()
  }

  #orClose(step: () => Uint8Array): Uint8Array {
    try {
      return step()
    } catch (cause) {
      this.close()
      // Who we talk to was settled by the handshake: a bad tag now is a bad frame, not a bad caller.
      if (cause instanceof WireError && cause.code === 'UNAUTHENTICATED') {
        throw new WireError('FRAME_INVALID', undefined, { cause })
      }
      throw cause
    }
  }
}
