import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CipherState, MAX_MESSAGES_PER_KEY } from '../../shared/wire/src/cipher-state.ts'
import { MAX_NOISE_MESSAGE } from '../../shared/wire/src/limits.ts'
import { type Dh, HandshakeState, nobleDh } from '../../shared/wire/src/noise.ts'
import { SymmetricState } from '../../shared/wire/src/symmetric-state.ts'
import { seeded } from '../helpers/rng.ts'
import { flipped, keyPair, wireCode } from './fixtures.ts'
import { nodeDh } from './node-dh.ts'

type Vector = {
  readonly prologue: string
  readonly initStatic: string
  readonly respStatic: string
  readonly initEphemeral: string
  readonly respEphemeral: string
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[]
}

const FILE = join(import.meta.dirname, '../vectors/noise_ik_25519_chachapoly_sha256.json')
const { vectors } = JSON.parse(readFileSync(FILE, 'utf8')) as { readonly vectors: readonly Vector[] }

const NOTHING = new Uint8Array(0)
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const rng = seeded('noise')
const a = keyPair(rng(32))
const b = keyPair(rng(32))

/** Both ends of a handshake; what is given overrides each end's configuration. */
function ends(changes: { readonly dh?: Dh; readonly prologue?: Uint8Array; readonly rs?: Uint8Array } = {}) {
  const common = { prologue: NOTHING, rng, dh: nodeDh }
  return {
    initiator: new HandshakeState({ ...common, s: a, rs: b.publicKey, ...changes }),
    responder: new HandshakeState({ ...common, s: b }),
  }
}

function endsOf(v: Vector, dh: Dh) {
  const prologue = bytes(v.prologue)
  const [s, rs] = [keyPair(bytes(v.initStatic)), keyPair(bytes(v.respStatic))]
  return {
    initiator: new HandshakeState({ prologue, dh, s, rs: rs.publicKey, rng: () => bytes(v.initEphemeral) }),
    responder: new HandshakeState({ prologue, dh, s: rs, rng: () => bytes(v.respEphemeral) }),
  }
}

describe.each<[string, Dh]>([
  ['noble', nobleDh],
  ['OpenSSL', nodeDh],
])('with the X25519 of %s', (_, dh) => {
  test.each(vectors.map((v, i) => [i + 1, v] as const))('reproduces published vector %i', (_, v) => {
    const { initiator, responder } = endsOf(v, dh)
    const [first, second, ...transport] = v.messages

    const messageA = initiator.writeMessageA(bytes(first!.payload))
    expect(hex(messageA)).toBe(first!.ciphertext)
    const read = responder.readMessageA(messageA)
    expect([hex(read.payload), hex(read.rs)]).toEqual([first!.payload, hex(dh.publicKey(bytes(v.initStatic)))])

    const answered = responder.writeMessageB(bytes(second!.payload))
    expect(hex(answered.message)).toBe(second!.ciphertext)
    const finished = initiator.readMessageB(answered.message)
    expect(hex(finished.payload)).toBe(second!.payload)

    transport.forEach(({ payload, ciphertext }, i) => {
      const [from, to] = i % 2 === 0 ? [finished.send, answered.receive] : [answered.send, finished.receive]
      const sealed = from.encryptWithAd(NOTHING, bytes(payload))
      expect(hex(sealed)).toBe(ciphertext)
      expect(hex(to.decryptWithAd(NOTHING, sealed))).toBe(payload)
    })
  })

  test('refuses keys of low order, whose shared secret is zero', () => {
    for (const low of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
      expect(wireCode(() => ends({ dh, rs: low }).initiator.writeMessageA(NOTHING))).toBe('UNAUTHENTICATED')
      const { initiator } = ends({ dh })
      initiator.writeMessageA(NOTHING)
      expect(wireCode(() => initiator.readMessageB(Uint8Array.of(...low, ...rng(16))))).toBe('UNAUTHENTICATED')
    }
  })
})

test('refuses a zero shared secret by itself, whatever X25519 it was lent', () => {
  const lenient: Dh = { ...nodeDh, sharedSecret: () => new Uint8Array(32) }
  expect(wireCode(() => ends({ dh: lenient }).initiator.writeMessageA(NOTHING))).toBe('UNAUTHENTICATED')
})

test('refuses the message of another prologue', () => {
  const { initiator, responder } = ends({ prologue: Uint8Array.of(1) })
  expect(wireCode(() => responder.readMessageA(initiator.writeMessageA(NOTHING)))).toBe('UNAUTHENTICATED')
})

test('takes each step once, in order, and nothing after a failure', () => {
  const { initiator, responder } = ends()
  expect(wireCode(() => responder.writeMessageB(NOTHING))).toBe('PROTOCOL_ABORTED')
  expect(wireCode(() => responder.writeMessageA(NOTHING))).toBe('PROTOCOL_ABORTED')
  const messageA = initiator.writeMessageA(NOTHING)
  expect(wireCode(() => initiator.writeMessageA(NOTHING))).toBe('PROTOCOL_ABORTED')

  expect(wireCode(() => responder.readMessageA(flipped(messageA, 5)))).toBe('UNAUTHENTICATED')
  expect(wireCode(() => responder.readMessageA(messageA))).toBe('PROTOCOL_ABORTED')
  expect(wireCode(() => responder.writeMessageB(NOTHING))).toBe('PROTOCOL_ABORTED')
})

test('bounds both messages by 65535 bytes, written or read', () => {
  const { initiator, responder } = ends()
  const largest = initiator.writeMessageA(new Uint8Array(MAX_NOISE_MESSAGE - 96))
  expect(largest.length).toBe(MAX_NOISE_MESSAGE)
  expect(responder.readMessageA(largest).payload.length).toBe(MAX_NOISE_MESSAGE - 96)
  expect(() => responder.writeMessageB(new Uint8Array(MAX_NOISE_MESSAGE - 47))).toThrow(RangeError)

  expect(() => ends().initiator.writeMessageA(new Uint8Array(MAX_NOISE_MESSAGE - 95))).toThrow(RangeError)
  expect(wireCode(() => ends().responder.readMessageA(new Uint8Array(65_536)))).toBe('FRAME_TOO_LARGE')
  expect(wireCode(() => ends().responder.readMessageA(new Uint8Array(95)))).toBe('FRAME_INVALID')
  expect(wireCode(() => initiator.readMessageB(new Uint8Array(47)))).toBe('FRAME_INVALID')
})

test('erases the ephemeral keys and every shared secret by the time the handshake ends', () => {
  const erasable: Uint8Array[] = []
  const watched = (secret: Uint8Array) => {
    erasable.push(secret)
    return secret
  }
  const dh: Dh = { ...nodeDh, sharedSecret: (ours, theirs) => watched(nodeDh.sharedSecret(ours, theirs)) }
  const common = { prologue: NOTHING, rng: (n: number) => watched(rng(n)), dh }
  const initiator = new HandshakeState({ ...common, s: a, rs: b.publicKey })
  const responder = new HandshakeState({ ...common, s: b })
  responder.readMessageA(initiator.writeMessageA(NOTHING))
  initiator.readMessageB(responder.writeMessageB(NOTHING).message)
  expect(erasable).toEqual(Array.from({ length: 2 + 8 }, () => new Uint8Array(32)))
  expect(a.secretKey).not.toEqual(new Uint8Array(32))
})

test('a cipher that failed to open forgets its key', () => {
  const key = new Uint8Array(32).fill(1)
  const [send, receive] = [new CipherState(key.slice()), new CipherState(key)]
  const sealed = send.encryptWithAd(NOTHING, NOTHING)
  expect(wireCode(() => receive.decryptWithAd(NOTHING, flipped(sealed, 0)))).toBe('UNAUTHENTICATED')
  expect(wireCode(() => receive.decryptWithAd(NOTHING, sealed))).toBe('PROTOCOL_ABORTED')
  expect(key).toEqual(new Uint8Array(32))
})

test('binds the associated data', () => {
  const [send, receive] = [new CipherState(new Uint8Array(32)), new CipherState(new Uint8Array(32))]
  const sealed = send.encryptWithAd(Uint8Array.of(1), NOTHING)
  expect(wireCode(() => receive.decryptWithAd(Uint8Array.of(2), sealed))).toBe('UNAUTHENTICATED')
})

test('encrypts nothing without a key', () => {
  expect(() => new SymmetricState('Noise_IK_25519_ChaChaPoly_SHA256').encryptAndHash(NOTHING)).toThrow('mixKey')
  expect(() => new SymmetricState('Noise_IK_25519_ChaChaPoly_SHA512 ')).toThrow(RangeError)
})

test('stops before a nonce could come back', () => {
  const [send, receive] = [new CipherState(new Uint8Array(32).fill(1)), new CipherState(new Uint8Array(32).fill(1))]
  let last: Uint8Array = NOTHING
  for (let n = 0; n < MAX_MESSAGES_PER_KEY; n++) last = send.encryptWithAd(NOTHING, NOTHING)
  expect(wireCode(() => send.encryptWithAd(NOTHING, NOTHING))).toBe('PROTOCOL_ABORTED')
  expect(wireCode(() => send.decryptWithAd(NOTHING, last))).toBe('PROTOCOL_ABORTED')
  expect(wireCode(() => receive.decryptWithAd(NOTHING, last))).toBe('UNAUTHENTICATED')
})
