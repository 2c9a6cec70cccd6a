import { UsageError } from './errors.ts'

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Which party, counted from 1. Zero is not a party: `f(0)` is the secret key itself. */
export type PartyIndex = Brand<number, 'PartyIndex'>

/** 32 bytes that name a key for its whole life, whatever its epoch. */
export type KeyId = Brand<Uint8Array, 'KeyId'>

/** 32 bytes that name one run of one protocol; every message of the run carries them. */
export type SessionId = Brand<Uint8Array, 'SessionId'>

/** Largest committee: bounds every per-party allocation. Spec: parameters, n ≤ 32. */
export const MAX_PARTIES = 32

/** @throws {UsageError} unless `n` is an integer in 1..{@link MAX_PARTIES} */
export function partyIndex(n: number): PartyIndex {
  if (!Number.isInteger(n) || n < 1 || n > MAX_PARTIES) {
    throw new UsageError(`party index ${n} is not in 1..${MAX_PARTIES}`)
  }
  return n as PartyIndex
}

/** @throws {UsageError} unless `bytes` is 32 bytes and not all zero */
export function keyId(bytes: Uint8Array): KeyId {
  return nonZero32(bytes, 'key id') as KeyId
}

/** @throws {UsageError} unless `bytes` is 32 bytes and not all zero */
export function sessionId(bytes: Uint8Array): SessionId {
  return nonZero32(bytes, 'session id') as SessionId
}

function nonZero32(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== 32) throw new UsageError(`a ${name} is 32 bytes, not ${bytes.length}`)
  if (bytes.every((b) => b === 0)) throw new UsageError(`a ${name} of zeros names nothing`)
  return bytes
}
