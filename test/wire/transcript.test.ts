import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { toBase64url, toHex } from '../../shared/wire/src/encoding.ts'
import { fromUtf8, utf8 } from '../../shared/wire/src/canonical.ts'
import { certifyExchangeKey } from '../../shared/wire/src/device-certificate.ts'
import { encodeFrame } from '../../shared/wire/src/frame.ts'
import { acceptHandshake, startHandshake } from '../../shared/wire/src/handshake.ts'
import { ERRORS } from '../../shared/wire/src/errors.ts'
import { keyPair } from './fixtures.ts'
import { referenceHandshake, seal } from './reference-noise.ts'

/** The worked transcript of docs/spec/wire.md, made again from the same fixed secrets. */

const SPEC = readFileSync(join(import.meta.dirname, '../../docs/spec/wire.md'), 'utf8')

const secret = (fill: number) => new Uint8Array(32).fill(fill)
const sigpairStatic = keyPair(secret(0x11))
const deviceStatic = keyPair(secret(0x22))
const identity = ed25519.getPublicKey(secret(0x33))
const certificate = certifyExchangeKey(secret(0x33), deviceStatic.publicKey)
const ticket = ['{"alg":"EdDSA"}', '{"op":"keygen"}', 'not a signature'].map((p) => toBase64url(utf8(p))).join('.')
const hello = utf8('{"op":"keygen"}')
const answer = utf8(`{"identity":"${toHex(ed25519.getPublicKey(secret(0x77)))}","stageId":"${toHex(secret(0x88))}"}`)

const common = { sid: secret(0x66), epoch: 0 }
const frame1 = encodeFrame({ ...common, protocol: 'keygen', round: 1, from: 1, to: 2, body: utf8('body of round 1') })
const frame2 = encodeFrame({ ...common, protocol: 'keygen', round: 1, from: 2, to: 1, body: utf8('the other body') })
const frame3 = encodeFrame({ ...common, protocol: 'control', round: 1, from: 1, to: 2, body: new Uint8Array(0) })

function dialogue() {
  const operation = 'keygen'
  const sigpairKey = sigpairStatic.publicKey
  const introduction = { identity, certificate, ticket, hello }
  const device = startHandshake({ operation, sigpairKey, deviceStatic, ...introduction, rng: () => secret(0x44) })
  const { message1 } = device
  const sigpair = acceptHandshake({ operation, sigpairStatic, message1, rng: () => secret(0x55) }).answer(answer)
  const { channel } = device.finish(sigpair.message2)
  return {
    message1,
    message2: sigpair.message2,
    sealed: [channel.seal(frame1), sigpair.channel.seal(frame2), channel.seal(frame3)],
  }
}

const prologue = concatBytes(
  ...['tandem.v1', '/v1/keygen', 'MPCW-DKLS23-SECP256K1-V1'].map((f) => concatBytes(Uint8Array.of(f.length), utf8(f))),
  Uint8Array.of(1, 0),
)
const payload1 = concatBytes(identity, certificate, Uint8Array.of(ticket.length, 0), utf8(ticket), hello)
const reference = referenceHandshake({
  prologue,
  deviceSecret: deviceStatic.secretKey,
  sigpairSecret: sigpairStatic.secretKey,
  deviceEphemeral: secret(0x44),
  sigpairEphemeral: secret(0x55),
  payload1,
  payload2: answer,
})

/** A name, then the bytes in hex, 32 to a line. */
function lines(rows: readonly (readonly [string, Uint8Array | string])[]): string {
  return rows
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : Buffer.from(value).toString('hex')
      const [first, ...rest] = text.match(/.{1,64}/g) ?? ['']
      return [`${name.padEnd(24)}${first}`, ...rest.map((line) => ' '.repeat(24) + line)].join('\n')
    })
    .join('\n')
}

function transcript(): string {
  const { message1, message2, sealed } = dialogue()
  return lines([
    ['Sigpair secret', sigpairStatic.secretKey],
    ['Sigpair public', sigpairStatic.publicKey],
    ['device secret', deviceStatic.secretKey],
    ['device public', deviceStatic.publicKey],
    ['identity secret', secret(0x33)],
    ['identity public', identity],
    ['device ephemeral', secret(0x44)],
    ['Sigpair ephemeral', secret(0x55)],
    ['certificate', certificate],
    ['ticket (text)', ticket],
    ['hello (text)', fromUtf8(hello)],
    ['prologue', prologue],
    ['payload 1', payload1],
    ['h after <- s', reference.h0],
    ['k after es', reference.k1],
    ['k after ss', reference.k2],
    ['MESSAGE 1', message1],
    ['payload 2 (text)', fromUtf8(answer)],
    ['k after se', reference.k4],
    ['MESSAGE 2', message2],
    ['h at the end', reference.h5],
    ['key device → Sigpair', reference.deviceKey],
    ['key Sigpair → device', reference.sigpairKey],
    ['frame, device, n = 0', frame1],
    ['SEALED', sealed[0]!],
    ['frame, Sigpair, n = 0', frame2],
    ['SEALED', sealed[1]!],
    ['frame, device, n = 1', frame3],
    ['SEALED', sealed[2]!],
  ])
}

test('agrees with an implementation on node:crypto alone', () => {
  const { message1, message2, sealed } = dialogue()
  const { deviceKey, sigpairKey } = reference
  const none = new Uint8Array(0)
  const theirs = [seal(deviceKey, 0, none, frame1), seal(sigpairKey, 0, none, frame2), seal(deviceKey, 1, none, frame3)]
  expect(Buffer.from(message1)).toEqual(reference.message1)
  expect(Buffer.from(message2)).toEqual(reference.message2)
  expect(sealed.map((s) => Buffer.from(s))).toEqual(theirs)
})

test('the specification shows the transcript that the code produces', () => {
  const [, shown] = SPEC.match(/```transcript\n([^`]*)\n```/) ?? []
  expect(shown).toBe(transcript())
})

test('the specification shows the close codes of the error list', () => {
  const shown = [...SPEC.matchAll(/^\| (4\d{3}) \| `([A-Z_]+)` \|/gm)].map(([, close, code]) => [Number(close), code])
  expect(shown.length).toBeGreaterThan(0)
  for (const [close, code] of shown) expect(ERRORS[code as keyof typeof ERRORS].close).toBe(close)
})
