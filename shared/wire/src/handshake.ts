import { concatBytes } from '@noble/hashes/utils.js'
import { utf8 } from './canonical.ts'
import { isCertified } from './device-certificate.ts'
import { WireError } from './errors.ts'
import { type FrameProtocol, SUITE_NAME, SUITE_NUMBER } from './frame.ts'
import { MAX_TICKET_BYTES } from './limits.ts'
import { type Dh, HandshakeState, type KeyPair, MESSAGE_A_OVERHEAD, MESSAGE_B_OVERHEAD, nobleDh } from './noise.ts'
import { SecureChannel } from './secure-channel.ts'
import { type Agreement, subprotocolOf, VERSION_1 } from './versions.ts'

/** The hello of `presign` names up to 32 runs and 64 presignatures: about 5.3 KB of JSON. */
export const MAX_HELLO_BYTES = 8_192

/** Sigpair's answer is a few hundred bytes. */
export const MAX_ANSWER_BYTES = 4_096

/** identity(32) ‖ certificate(64) ‖ LE16(|ticket|) */
const FIXED_BYTES = 98

const MAX_MESSAGE_1 = MESSAGE_A_OVERHEAD + FIXED_BYTES + MAX_TICKET_BYTES + MAX_HELLO_BYTES
const MAX_MESSAGE_2 = MESSAGE_B_OVERHEAD + MAX_ANSWER_BYTES

/** The last segment of the socket's path, `/v1/{operation}`. */
export type Operation = Exclude<FrameProtocol, 'control' | 'reshare' | 'export'>

/** What the device says before anything is agreed. */
export type Introduction = {
  /** Ed25519 identity, 32 bytes */
  readonly identity: Uint8Array
  /** by that identity, over the X25519 key the device connects with, 64 bytes */
  readonly certificate: Uint8Array
  /** compact JWS */
  readonly ticket: string
  /** belongs to the operation; opaque here, at most {@link MAX_HELLO_BYTES} */
  readonly hello: Uint8Array
}

export type DeviceHandshake = Introduction & {
  readonly operation: Operation
  /** Sigpair's X25519 key, pinned by the app */
  readonly sigpairKey: Uint8Array
  readonly deviceStatic: KeyPair
  /** what was offered and what Sigpair chose; default {@link VERSION_1} */
  readonly agreement?: Agreement
  readonly rng: (n: number) => Uint8Array
  readonly dh?: Dh
}

export type SigpairHandshake = {
  readonly operation: Operation
  readonly sigpairStatic: KeyPair
  readonly message1: Uint8Array
  /** what this side chose from what it was offered; default {@link VERSION_1} */
  readonly agreement?: Agreement
  readonly rng: (n: number) => Uint8Array
  readonly dh?: Dh
}

/** A device whose keys belong together. Its ticket is not judged yet, and message 1 may still be a replay. */
export type Accepted = {
  readonly deviceStatic: Uint8Array
  readonly deviceIdentity: Uint8Array
  readonly ticket: string
  readonly hello: Uint8Array
  /** Once, after the ticket was spent. @throws {RangeError} above {@link MAX_ANSWER_BYTES} */
  readonly answer: (payload: Uint8Array) => { readonly message2: Uint8Array; readonly channel: SecureChannel }
  /** Instead of `answer`: forgets the handshake's secrets. */
  readonly refuse: () => void
}

/**
 * The device's side. `finish` works once.
 *
 * @throws {RangeError} for an introduction that is out of bounds; `finish` throws {WireError}: `UNAUTHENTICATED` unless
 *         the answer comes from the holder of `sigpairKey` and belongs to this very handshake, `FRAME_INVALID`,
 *         `FRAME_TOO_LARGE`
 *
 * Source: docs/spec/wire.md, section 3.
 */
export function startHandshake(device: DeviceHandshake): {
  readonly message1: Uint8Array
  readonly finish: (message2: Uint8Array) => { readonly answer: Uint8Array; readonly channel: SecureChannel }
} {
  const { operation, agreement = VERSION_1, sigpairKey, deviceStatic, rng, dh = nobleDh } = device
  const payload = encodeIntroduction(device)
  const prologue = prologueOf(operation, agreement)
  const noise = new HandshakeState({ prologue, s: deviceStatic, rs: sigpairKey, rng, dh })
  const message1 = noise.writeMessageA(payload)

  const finish = (message2: Uint8Array) => {
    if (message2.length > MAX_MESSAGE_2) {
      noise.erase()
      throw new WireError('FRAME_TOO_LARGE')
    }
    const { payload: answer, send, receive } = noise.readMessageB(message2)
    return { answer, channel: new SecureChannel(send, receive) }
  }
  return { message1, finish }
}

/**
 * Sigpair's side: opens message 1 and checks that the device's identity certified the key it connects with.
 *
 * @throws {WireError} `FRAME_TOO_LARGE` before anything is computed; `UNAUTHENTICATED` for another Sigpair's key,
 *         another operation, version or offer, any changed bit, or a certificate of another identity; `FRAME_INVALID` for an
 *         introduction that is not of the documented form
 *
 * Source: docs/spec/wire.md, section 3.
 */
export function acceptHandshake(sigpair: SigpairHandshake): Accepted {
  const { operation, agreement = VERSION_1, sigpairStatic, message1, rng, dh = nobleDh } = sigpair
  if (message1.length > MAX_MESSAGE_1) throw new WireError('FRAME_TOO_LARGE')
  const noise = new HandshakeState({ prologue: prologueOf(operation, agreement), s: sigpairStatic, rng, dh })
  const { deviceStatic, identity, ticket, hello } = meet(noise, message1)

  const answer = (payload: Uint8Array) => {
    if (payload.length > MAX_ANSWER_BYTES) throw new RangeError(`an answer of ${payload.length} bytes`)
    const { message, send, receive } = noise.writeMessageB(payload)
    return { message2: message, channel: new SecureChannel(send, receive) }
  }
  const refuse = () => {
    noise.erase()
  }
  return { deviceStatic, deviceIdentity: identity, ticket, hello, answer, refuse }
}

/** Who introduces itself in message 1, once its certificate holds. */
function meet(noise: HandshakeState, message1: Uint8Array): Introduction & { readonly deviceStatic: Uint8Array } {
  const { payload, rs: deviceStatic } = noise.readMessageA(message1)
  try {
    const introduction = decodeIntroduction(payload)
    if (!isCertified({ ...introduction, exchange: deviceStatic })) throw new WireError('UNAUTHENTICATED')
    return { ...introduction, deviceStatic }
  } catch (cause) {
    noise.erase()
    throw cause
  }
}

/**
 * |p| ‖ p for version, path and suite name, LE16 of the suite number, then one byte for each offered version, with their
 * count before them: two sides that differ in any cannot talk. An offer of version 1 alone is not written.
 */
function prologueOf(operation: Operation, { version, offered }: Agreement): Uint8Array {
  const fields = [subprotocolOf('tandem', version), `/v1/${operation}`, SUITE_NAME].map(utf8)
  const offer = offered.every((one) => one === 1) ? [] : [offered.length, ...offered]
  const named = fields.map((f) => concatBytes(Uint8Array.of(f.length), f))
  return concatBytes(...named, le16(SUITE_NUMBER), Uint8Array.from(offer))
}

/** identity(32) ‖ certificate(64) ‖ LE16(|ticket|) ‖ ticket ‖ hello */
function encodeIntroduction({ identity, certificate, ticket, hello }: Introduction): Uint8Array {
  if (identity.length !== 32 || certificate.length !== 64) throw new RangeError('identity is 32 bytes, certificate 64')
  if (!isCompactJws(ticket) || ticket.length > MAX_TICKET_BYTES) throw new RangeError('the ticket is not a compact JWS')
  if (hello.length > MAX_HELLO_BYTES) throw new RangeError(`a hello of ${hello.length} bytes`)
  return concatBytes(identity, certificate, le16(ticket.length), utf8(ticket), hello)
}

function decodeIntroduction(payload: Uint8Array): Introduction {
  if (payload.length < FIXED_BYTES) throw new WireError('FRAME_INVALID', 'introduction')
  const ticketEnd = FIXED_BYTES + (payload[96]! | (payload[97]! << 8))
  const helloBytes = payload.length - ticketEnd
  if (ticketEnd > FIXED_BYTES + MAX_TICKET_BYTES) throw new WireError('FRAME_INVALID', 'ticket')
  if (helloBytes < 0 || helloBytes > MAX_HELLO_BYTES) throw new WireError('FRAME_INVALID', 'hello')
  const ticket = String.fromCharCode(...payload.subarray(FIXED_BYTES, ticketEnd))
  if (!isCompactJws(ticket)) throw new WireError('FRAME_INVALID', 'ticket')
  return { identity: payload.slice(0, 32), certificate: payload.slice(32, 96), ticket, hello: payload.slice(ticketEnd) }
}

/** Three parts of base64url; whether they mean anything is for whoever verifies the ticket. */
function isCompactJws(text: string): boolean {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text)
}

function le16(n: number): Uint8Array {
  return Uint8Array.of(n & 0xff, n >>> 8)
}
