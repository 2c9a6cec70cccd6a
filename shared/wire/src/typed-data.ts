import { z } from 'zod'
import { canonicalJson } from './canonical.ts'
import { WireError } from './errors.ts'
import { address, base64url, hex, profileIdField, sessionIdField, wei } from './fields.ts'
import { twoFactorCode } from './two-factor-code.ts'

/** Typed data (EIP-712) as canonical JSON: as it is kept and handed on, one text for one value. A large order book entry has 6 KiB. */
export const MAX_TYPED_DATA_CHARS = 32_768

/** Structs and lists inside each other, the message's own level counted. */
const MAX_DEPTH = 8

const MAX_TYPES = 32
const MAX_FIELDS = 64

/** Names that touch prototypes are nobody's field names. */
const name = z
  .string()
  .regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,127}$/, 'a name of EIP-712')
  .refine((text) => !['__proto__', 'constructor', 'prototype'].includes(text), 'this name is refused')

const type = z
  .string()
  .regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,127}(\[([1-9][0-9]{0,3})?\]){0,4}$/, 'a type of EIP-712')
  .max(160)

/**
 * EIP-712 as dapps ask for it (`eth_signTypedData_v4`), as plain JSON. Integers are numbers up to 2^53, or decimal or 0x-hex
 * strings; bytes are 0x-hex. Whether the message fits its types is checked where it is hashed.
 */
export const typedData = z
  .strictObject({
    domain: z.strictObject({
      name: z.string().max(512).optional(),
      version: z.string().max(64).optional(),
      chainId: z.union([z.int().min(0), wei]).optional(),
      verifyingContract: address.optional(),
      salt: hex(32).optional(),
    }),
    types: z.record(name, z.array(z.strictObject({ name, type })).max(MAX_FIELDS)),
    primaryType: name,
    message: z.record(name, z.unknown()),
  })
  .refine(({ types }) => Object.keys(types).length <= MAX_TYPES, `types: more than ${MAX_TYPES}`)
  .refine(({ message }) => isShallowJson(message), `message: more than ${MAX_DEPTH} levels, or no JSON`)
  .refine((data) => !isShallowJson(data.message) || canonicalJson(data).length <= MAX_TYPED_DATA_CHARS, 'too large')
  .meta({ id: 'TypedData' })
export type TypedData = z.infer<typeof typedData>

/** Level by level, without recursion: depth is what is being bounded. */
function isShallowJson(root: unknown): boolean {
  let level: readonly unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH || !level.every(isJson)) return false
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return true
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  return value === null || ['string', 'boolean', 'object'].includes(typeof value)
}

/** @throws {WireError} `VALIDATION_FAILED` unless it is what `canonicalJson` makes of typed data */
export function readTypedData(json: string): TypedData {
  const { data, success } = typedData.safeParse(parse(json))
  if (!success || canonicalJson(data) !== json) throw new WireError('VALIDATION_FAILED', 'typedData: not of its form')
  return data
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch {
    return undefined
  }
}

/** POST /api/v1/mpc/sign-typed-data: EIP-712. First call without a share prepares, second carries it. */
export const signTypedDataRequest = z
  .strictObject({
    profileId: profileIdField,
    typedData,
    sessionId: sessionIdField.optional(),
    p1SignatureShare: base64url(128).optional(),
    twoFactorCode: twoFactorCode.optional(),
  })
  .meta({ id: 'SignTypedDataRequest' })
export type SignTypedDataRequest = z.infer<typeof signTypedDataRequest>
