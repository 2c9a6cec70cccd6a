import { ed25519 } from '@noble/curves/ed25519.js'
import { utf8 } from '../../shared/wire/src/canonical.ts'
import { certifyExchangeKey } from '../../shared/wire/src/device-certificate.ts'
import { WireError } from '../../shared/wire/src/errors.ts'
import { acceptHandshake, type DeviceHandshake, startHandshake } from '../../shared/wire/src/handshake.ts'
import type { KeyPair } from '../../shared/wire/src/noise.ts'
import { seeded } from '../helpers/rng.ts'
import { nodeDh } from './node-dh.ts'

export function keyPair(secretKey: Uint8Array): KeyPair {
  return { secretKey, publicKey: nodeDh.publicKey(secretKey) }
}

/** The code of the WireError this throws, undefined if it throws nothing. Any other error is a failure. */
export function wireCode(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

/** `bytes` with bit `i` turned over, counted from the least significant bit of the first byte. */
export function flipped(bytes: Uint8Array, i: number): Uint8Array {
  const out = bytes.slice()
  out[i >>> 3]! ^= 1 << (i & 7)
  return out
}

const rng = seeded('handshake')
export const sigpairStatic = keyPair(rng(32))
export const deviceStatic = keyPair(rng(32))
const identitySecret = rng(32)

export const HELLO = utf8('{"op":"keygen"}')
export const ANSWER = utf8('{"identity":"0x00"}')

/** A device that does everything right, on OpenSSL's X25519 for speed. */
export const device: DeviceHandshake = {
  operation: 'keygen',
  sigpairKey: sigpairStatic.publicKey,
  deviceStatic,
  identity: ed25519.getPublicKey(identitySecret),
  certificate: certifyExchangeKey(identitySecret, deviceStatic.publicKey),
  ticket: 'eyJhbGciOiJFZERTQSJ9.e30.c2ln',
  hello: HELLO,
  rng,
  dh: nodeDh,
}

export function start(changes: Partial<DeviceHandshake> = {}) {
  return startHandshake({ ...device, ...changes })
}

export function accept(message1: Uint8Array) {
  return acceptHandshake({ operation: 'keygen', sigpairStatic, message1, rng, dh: nodeDh })
}

/** Both ends of an established dialogue. */
export function connect() {
  const { message1, finish } = start()
  const sigpair = accept(message1).answer(ANSWER)
  return { device: finish(sigpair.message2).channel, sigpair: sigpair.channel }
}
