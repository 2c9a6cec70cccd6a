import { inspect } from 'node:util'
import { CipherState } from '../../shared/wire/src/cipher-state.ts'
import { encodeFrame } from '../../shared/wire/src/frame.ts'
import { MAX_FRAME_BODY } from '../../shared/wire/src/limits.ts'
import { SecureChannel } from '../../shared/wire/src/secure-channel.ts'
import { connect, flipped, wireCode } from './fixtures.ts'

const FRAME = encodeFrame({
  protocol: 'sign',
  round: 1,
  from: 1,
  to: 2,
  sid: new Uint8Array(32).fill(7),
  epoch: 0,
  body: Uint8Array.of(1, 2, 3),
})

/** Two ends with known keys, without the cost of a handshake. */
function pair() {
  const state = (fill: number) => new CipherState(new Uint8Array(32).fill(fill))
  return { device: new SecureChannel(state(1), state(2)), sigpair: new SecureChannel(state(2), state(1)) }
}

/** Opening `message` fails with `code`, and then nothing works in either direction. */
function expectDeath(channel: SecureChannel, message: Uint8Array, code: string) {
  expect(wireCode(() => channel.open(message))).toBe(code)
  expect(wireCode(() => channel.open(new Uint8Array(16)))).toBe('PROTOCOL_ABORTED')
  expect(wireCode(() => channel.seal(FRAME))).toBe('PROTOCOL_ABORTED')
}

test('carries frames both ways, in order', () => {
  const { device, sigpair } = connect()
  for (const n of [1, 2, 3]) {
    expect(sigpair.open(device.seal(FRAME.with(52, n)))).toEqual(FRAME.with(52, n))
    expect(device.open(sigpair.seal(FRAME.with(53, n)))).toEqual(FRAME.with(53, n))
  }
})

test('carries the largest frame', () => {
  const { device, sigpair } = pair()
  const largest = new Uint8Array(52 + MAX_FRAME_BODY)
  expect(sigpair.open(device.seal(largest)).length).toBe(largest.length)
})

test('refuses a message with any bit turned over, and dies of it', () => {
  const sealed = pair().device.seal(FRAME)
  for (let i = 0; i < sealed.length * 8; i++) expectDeath(pair().sigpair, flipped(sealed, i), 'FRAME_INVALID')
})

test('refuses a message of any other length, and dies of it', () => {
  const sealed = pair().device.seal(FRAME)
  for (let n = 0; n < sealed.length; n++) expectDeath(pair().sigpair, sealed.slice(0, n), 'FRAME_INVALID')
  expectDeath(pair().sigpair, Uint8Array.of(...sealed, 0), 'FRAME_INVALID')
})

test('after a failure not even the genuine message is taken', () => {
  const { device, sigpair } = connect()
  const sealed = device.seal(FRAME)
  expectDeath(sigpair, flipped(sealed, 0), 'FRAME_INVALID')
  expect(wireCode(() => sigpair.open(sealed))).toBe('PROTOCOL_ABORTED')
})

test('refuses a message that was opened before', () => {
  const { device, sigpair } = connect()
  const sealed = device.seal(FRAME)
  sigpair.open(sealed)
  expectDeath(sigpair, sealed, 'FRAME_INVALID')
})

test('refuses messages out of order, or after one that was dropped', () => {
  const { device, sigpair } = connect()
  device.seal(FRAME)
  expectDeath(sigpair, device.seal(FRAME), 'FRAME_INVALID')
})

test('refuses a message of another dialogue between the same two', () => {
  expectDeath(connect().sigpair, connect().device.seal(FRAME), 'FRAME_INVALID')
})

test('has one key per direction: a message sent back to its sender is refused', () => {
  const { device, sigpair } = connect()
  const sealed = device.seal(FRAME)
  expect(sigpair.seal(FRAME)).not.toEqual(sealed)
  expectDeath(device, sealed, 'FRAME_INVALID')
})

test('refuses what no Noise message can hold, either way', () => {
  expectDeath(pair().device, new Uint8Array(65_536), 'FRAME_TOO_LARGE')
  const { device } = pair()
  expect(wireCode(() => device.seal(new Uint8Array(65_520)))).toBe('FRAME_TOO_LARGE')
  expect(wireCode(() => device.seal(FRAME))).toBe('PROTOCOL_ABORTED')
})

test('is dead when closed', () => {
  const { device, sigpair } = pair()
  const sealed = device.seal(FRAME)
  sigpair.close()
  expect(wireCode(() => sigpair.open(sealed))).toBe('PROTOCOL_ABORTED')
})

test('shows no key when it is printed or serialised', () => {
  const { device } = connect()
  expect(inspect(device, { showHidden: true, depth: 9 })).not.toMatch(/Uint8Array/)
  expect(JSON.stringify(device)).toBe('{}')
})
