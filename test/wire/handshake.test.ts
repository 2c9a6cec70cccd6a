import { ed25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { utf8 } from '../../shared/wire/src/canonical.ts'
import { certifyExchangeKey, isCertified } from '../../shared/wire/src/device-certificate.ts'
import {
  acceptHandshake,
  type DeviceHandshake,
  MAX_ANSWER_BYTES,
  MAX_HELLO_BYTES,
} from '../../shared/wire/src/handshake.ts'
import { MAX_TICKET_BYTES } from '../../shared/wire/src/limits.ts'
import { HandshakeState, nobleDh } from '../../shared/wire/src/noise.ts'
import { seeded } from '../helpers/rng.ts'
import {
  ANSWER,
  accept,
  device,
  deviceStatic,
  flipped,
  HELLO,
  keyPair,
  sigpairStatic,
  start,
  wireCode,
} from './fixtures.ts'
import { nodeDh } from './node-dh.ts'

const rng = seeded('handshake tests')
const FRAME = utf8('a frame')

test('device and Sigpair learn who the other is, what is asked and what is answered', () => {
  const { message1, finish } = start({ dh: nobleDh })
  const { deviceStatic: exchange, deviceIdentity, ticket, hello, answer } = accept(message1)
  expect(exchange).toEqual(deviceStatic.publicKey)
  expect(deviceIdentity).toEqual(device.identity)
  expect(ticket).toBe(device.ticket)
  expect(hello).toEqual(HELLO)

  const { message2, channel } = answer(ANSWER)
  const finished = finish(message2)
  expect(finished.answer).toEqual(ANSWER)
  expect(channel.open(finished.channel.seal(FRAME))).toEqual(FRAME)
})

test('the longest ticket, hello and answer fit', () => {
  const ticket = `a.b.${'c'.repeat(MAX_TICKET_BYTES - 4)}`
  const { message1, finish } = start({ ticket, hello: new Uint8Array(MAX_HELLO_BYTES) })
  const accepted = accept(message1)
  expect([accepted.ticket, accepted.hello.length]).toEqual([ticket, MAX_HELLO_BYTES])
  expect(finish(accepted.answer(new Uint8Array(MAX_ANSWER_BYTES)).message2).answer.length).toBe(MAX_ANSWER_BYTES)
})

describe('message 1', () => {
  test('is refused with any bit turned over', () => {
    const { message1 } = start()
    for (let i = 0; i < message1.length * 8; i++) {
      expect(wireCode(() => accept(flipped(message1, i)))).toBe('UNAUTHENTICATED')
    }
  })

  test('is refused when cut or continued', () => {
    const { message1 } = start()
    for (let n = 0; n < 96; n++) expect(wireCode(() => accept(message1.slice(0, n)))).toBe('FRAME_INVALID')
    for (let n = 96; n < message1.length; n++) {
      expect(wireCode(() => accept(message1.slice(0, n)))).toBe('UNAUTHENTICATED')
    }
    expect(wireCode(() => accept(concatBytes(message1, Uint8Array.of(0))))).toBe('UNAUTHENTICATED')
  })

  test('is refused above its bound before anything is computed', () => {
    const never = () => {
      throw new Error('computed')
    }
    const message1 = new Uint8Array(96 + 98 + MAX_TICKET_BYTES + MAX_HELLO_BYTES + 1)
    const dh = { sharedSecret: never, publicKey: never }
    const act = () => acceptHandshake({ operation: 'keygen', sigpairStatic, message1, rng, dh })
    expect(wireCode(act)).toBe('FRAME_TOO_LARGE')
  })

  test('is refused by another Sigpair than the pinned one', () => {
    const { message1 } = start({ sigpairKey: keyPair(rng(32)).publicKey })
    expect(wireCode(() => accept(message1))).toBe('UNAUTHENTICATED')
  })

  test('is refused on the path of another operation', () => {
    const { message1 } = start({ operation: 'sign' })
    expect(wireCode(() => accept(message1))).toBe('UNAUTHENTICATED')
  })
})

describe('the identity certificate', () => {
  const other = rng(32)

  test.each<[string, Partial<DeviceHandshake>]>([
    ['by another identity', { certificate: certifyExchangeKey(other, deviceStatic.publicKey) }],
    ['of another key', { deviceStatic: keyPair(rng(32)) }],
    ['shown by another identity', { identity: ed25519.getPublicKey(other) }],
    ['that is no signature', { certificate: new Uint8Array(64) }],
    ['by an identity that is no point', { identity: new Uint8Array(32).fill(0xff) }],
  ])('is refused %s', (_, wrong) => {
    expect(wireCode(() => accept(start(wrong).message1))).toBe('UNAUTHENTICATED')
  })

  test('is refused without its label', () => {
    const secret = rng(32)
    const identity = ed25519.getPublicKey(secret)
    const certificate = ed25519.sign(deviceStatic.publicKey, secret)
    expect(wireCode(() => accept(start({ identity, certificate }).message1))).toBe('UNAUTHENTICATED')
  })

  test('is refused under the neutral element, where every signature would hold', () => {
    const neutral = Uint8Array.of(1, ...new Uint8Array(31))
    const forged = { identity: neutral, certificate: concatBytes(neutral, new Uint8Array(32)) }
    expect(ed25519.verify(forged.certificate, FRAME, neutral, { zip215: true })).toBe(true)
    expect(wireCode(() => accept(start(forged).message1))).toBe('UNAUTHENTICATED')
  })

  test('is judged by lengths first', () => {
    const { identity, certificate } = device
    const exchange = deviceStatic.publicKey
    expect(isCertified({ identity, exchange, certificate })).toBe(true)
    expect(isCertified({ identity: identity.slice(1), exchange, certificate })).toBe(false)
    expect(isCertified({ identity, exchange: exchange.slice(1), certificate })).toBe(false)
    expect(isCertified({ identity, exchange, certificate: certificate.slice(1) })).toBe(false)
  })
})

describe('an introduction, sealed by the right keys, is refused', () => {
  const fixed = concatBytes(device.identity, device.certificate)
  const ticket = utf8(device.ticket)
  const le16 = (n: number) => Uint8Array.of(n & 0xff, n >>> 8)

  /** Message 1 around any payload, by an implementation that bounds nothing. */
  function unbounded(payload: Uint8Array): Uint8Array {
    const prologue = concatBytes(utf8('\x09tandem.v1\x0a/v1/keygen\x18MPCW-DKLS23-SECP256K1-V1'), le16(1))
    const s = deviceStatic
    const noise = new HandshakeState({ prologue, s, rs: sigpairStatic.publicKey, rng, dh: nodeDh })
    return noise.writeMessageA(payload)
  }

  test('unless it is of the documented form', () => {
    expect(accept(unbounded(concatBytes(fixed, le16(ticket.length), ticket, HELLO))).hello).toEqual(HELLO)
  })

  test.each([
    ['empty', new Uint8Array(0)],
    ['without a ticket length', concatBytes(fixed, Uint8Array.of(5))],
    ['with an empty ticket', concatBytes(fixed, le16(0), HELLO)],
    ['with a ticket longer than the rest', concatBytes(fixed, le16(ticket.length + 1), ticket)],
    ['with a ticket above its bound', concatBytes(fixed, le16(4_097), utf8(`a.b.${'c'.repeat(4_093)}`))],
    ['with a ticket that is no JWS', concatBytes(fixed, le16(5), utf8('a.b c'))],
    ['with a ticket that ends in a line feed', concatBytes(fixed, le16(6), utf8('a.b.c\n'))],
    ['with a ticket beyond ASCII', concatBytes(fixed, le16(6), Uint8Array.of(0x61, 0x2e, 0x62, 0x2e, 0xc3, 0xa4))],
    ['with a hello above its bound', concatBytes(fixed, le16(ticket.length), ticket, new Uint8Array(8_193))],
  ])('%s', (_, payload) => {
    expect(wireCode(() => accept(unbounded(payload)))).toBe('FRAME_INVALID')
  })
})

describe('message 2', () => {
  test('is refused with any bit turned over, and then for good', () => {
    const { message2 } = accept(start().message1).answer(ANSWER)
    for (let i = 0; i < message2.length * 8; i++) {
      const { message1, finish } = start()
      const genuine = accept(message1).answer(ANSWER).message2
      expect(wireCode(() => finish(flipped(genuine, i)))).toBe('UNAUTHENTICATED')
      expect(wireCode(() => finish(genuine))).toBe('PROTOCOL_ABORTED')
    }
  })

  test('is refused when cut or too long', () => {
    const answered = () => {
      const { message1, finish } = start()
      return { finish, message2: accept(message1).answer(ANSWER).message2 }
    }
    const cut = answered()
    expect(wireCode(() => cut.finish(cut.message2.slice(0, 47)))).toBe('FRAME_INVALID')
    const shorter = answered()
    expect(wireCode(() => shorter.finish(shorter.message2.slice(0, -1)))).toBe('UNAUTHENTICATED')
    const long = answered()
    expect(wireCode(() => long.finish(new Uint8Array(48 + MAX_ANSWER_BYTES + 1)))).toBe('FRAME_TOO_LARGE')
    expect(wireCode(() => long.finish(long.message2))).toBe('PROTOCOL_ABORTED')
  })

  test('of another handshake is refused', () => {
    const { message2 } = accept(start().message1).answer(ANSWER)
    expect(wireCode(() => start().finish(message2))).toBe('UNAUTHENTICATED')
  })

  test('from anybody but the pinned Sigpair is refused', () => {
    const impostor = keyPair(rng(32))
    const { finish } = start()
    const toImpostor = start({ sigpairKey: impostor.publicKey }).message1
    const sigpair = { operation: 'keygen', sigpairStatic: impostor, message1: toImpostor, rng } as const
    expect(wireCode(() => finish(acceptHandshake(sigpair).answer(ANSWER).message2))).toBe('UNAUTHENTICATED')
  })
})

test('a handshake is answered once, refused for good, and finished once', () => {
  const { message1, finish } = start()
  const accepted = accept(message1)
  expect(() => accepted.answer(new Uint8Array(MAX_ANSWER_BYTES + 1))).toThrow(RangeError)
  const { message2 } = accepted.answer(ANSWER)
  expect(wireCode(() => accepted.answer(ANSWER))).toBe('PROTOCOL_ABORTED')
  finish(message2)
  expect(wireCode(() => finish(message2))).toBe('PROTOCOL_ABORTED')

  const refused = accept(message1)
  refused.refuse()
  expect(wireCode(() => refused.answer(ANSWER))).toBe('PROTOCOL_ABORTED')
})

test('a replayed message 1 yields no channel to who replays it: each answer has keys of its own', () => {
  const { message1, finish } = start()
  const first = accept(message1).answer(ANSWER)
  const replay = accept(message1).answer(ANSWER)
  const { channel } = finish(first.message2)
  expect(wireCode(() => replay.channel.open(channel.seal(FRAME)))).toBe('FRAME_INVALID')
})

test.each<[string, Partial<DeviceHandshake>]>([
  ['an identity of 31 bytes', { identity: new Uint8Array(31) }],
  ['a certificate of 63 bytes', { certificate: new Uint8Array(63) }],
  ['a ticket that is no JWS', { ticket: 'ticket' }],
  ['a ticket above its bound', { ticket: `a.b.${'c'.repeat(MAX_TICKET_BYTES)}` }],
  ['a hello above its bound', { hello: new Uint8Array(MAX_HELLO_BYTES + 1) }],
  ['a pinned key of 31 bytes', { sigpairKey: new Uint8Array(31) }],
])('a device does not start with %s', (_, wrong) => {
  expect(() => start(wrong)).toThrow(RangeError)
})
