import { keccak_256 } from '@noble/hashes/sha3.js'
import { canonicalJson, utf8 } from './canonical.ts'
import { fromHex } from './encoding.ts'
import { WireError } from './errors.ts'
import type { TypedData } from './typed-data.ts'

/**
 * EIP-712, strictly: every field is there, none else is, every value is of its type, no type contains itself. What other
 * implementations fill in or leave out is refused here, so that one message has one digest everywhere.
 *
 * Source: EIP-712; docs/spec/flows.md, section 7.
 */

type Types = TypedData['types']

/** The five fields a domain may have, in their order. */
const DOMAIN_FIELDS = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
] as const

const DOMAIN = 'EIP712Domain'

/**
 * keccak-256(0x19 ‖ 0x01 ‖ hashStruct(domain) ‖ hashStruct(message)): what is signed.
 *
 * @throws {WireError} `VALIDATION_FAILED` for a message that does not fit its types, types that are none, and a domain
 *         that is empty or not the one that `types` declares
 */
export function typedDataDigest(data: TypedData): Uint8Array {
  const { domain, message, primaryType } = data
  const fields = DOMAIN_FIELDS.filter(({ name }) => domain[name] !== undefined)
  const declared = data.types[DOMAIN]
  if (fields.length === 0) throw refused('domain: empty')
  if (declared && canonicalJson(declared) !== canonicalJson(fields)) throw refused(`types.${DOMAIN}: not the domain’s`)
  const structs = reachableTypes(data)
  return keccak_256(
    joined(
      Uint8Array.of(0x19, 0x01),
      hashStruct({ [DOMAIN]: [...fields] }, DOMAIN, present(domain)),
      hashStruct(structs, primaryType, message),
    ),
  )
}

/**
 * The types that the primary one is made of. Others that are declared have no part in the digest.
 *
 * @throws {WireError} `VALIDATION_FAILED` for a type that is not declared, contains itself, or has a name that is taken
 */
export function reachableTypes({ types, primaryType }: Pick<TypedData, 'types' | 'primaryType'>): Types {
  const { [DOMAIN]: _, ...structs } = types
  return reachable(structs, primaryType)
}

function reachable(types: Types, root: string): Types {
  const found: Types = {}
  const visit = (name: string, inside: readonly string[]): void => {
    if (isReserved(name) || !Object.hasOwn(types, name)) throw refused('types: one is not declared')
    if (inside.includes(name)) throw refused('types: one contains itself')
    if (Object.hasOwn(found, name)) return
    const fields = types[name] ?? []
    if (new Set(fields.map((field) => field.name)).size < fields.length) throw refused('types: a field is there twice')
    for (const { type } of fields) if (!isAtom(baseOf(type))) visit(baseOf(type), [...inside, name])
    found[name] = fields
  }
  visit(root, [])
  return found
}

/** Fields that are `undefined` are absent. */
const present = (domain: TypedData['domain']) =>
  Object.fromEntries(Object.entries(domain).filter(([, value]) => value !== undefined))

/** Whatever could be taken for an elementary type, also one that does not exist, such as `uint7` or the alias `uint`. */
const isReserved = (name: string) =>
  /^(u?int[0-9]*|bytes[0-9]*|u?fixed[0-9x]*|bool|address|string|function)$/.test(name)

const baseOf = (type: string) => type.replace(/\[.*$/, '')

function isAtom(type: string): boolean {
  if (!isReserved(type)) return false
  const [, kind = type, size = ''] = /^(u?int|bytes)([0-9]+)$/.exec(type) ?? []
  if (kind === 'bytes' && size !== '') return /^([1-9]|[12][0-9]|3[0-2])$/.test(size)
  if (kind === 'int' || kind === 'uint')
    return /^[1-9][0-9]*$/.test(size) && Number(size) % 8 === 0 && Number(size) <= 256
  return ['bytes', 'bool', 'address', 'string'].includes(type)
}

function hashStruct(types: Types, name: string, value: unknown): Uint8Array {
  const fields = types[name] ?? []
  if (!isObject(value)) throw refused('message: a struct is no object')
  if (Object.keys(value).length !== fields.length) throw refused('message: a field is missing, or too much')
  const encoded = fields.map((field) => {
    if (!Object.hasOwn(value, field.name)) throw refused('message: a field is missing')
    return encodeValue(types, field.type, value[field.name])
  })
  return keccak_256(joined(keccak_256(utf8(encodeType(types, name))), ...encoded))
}

/** `Mail(Person from,Person to)Person(string name)`: the struct, then those it is made of in alphabetical order. */
function encodeType(types: Types, name: string): string {
  const made = reachable(types, name)
  const others = Object.keys(made).filter((one) => one !== name)
  const text = (one: string) => `${one}(${(made[one] ?? []).map((field) => `${field.type} ${field.name}`).join(',')})`
  return [name, ...others.sort()].map(text).join('')
}

function encodeValue(types: Types, type: string, value: unknown): Uint8Array {
  const [, item, length] = /^(.*)\[([0-9]*)\]$/.exec(type) ?? []
  if (item !== undefined) {
    if (!Array.isArray(value)) throw refused('message: a list is none')
    if (length !== '' && value.length !== Number(length)) throw refused('message: a list has another length')
    return keccak_256(joined(...value.map((one) => encodeValue(types, item, one))))
  }
  return isAtom(type) ? encodeAtom(type, value) : hashStruct(types, type, value)
}

function encodeAtom(type: string, value: unknown): Uint8Array {
  if (type === 'bool') return encodeBoolean(value)
  if (type === 'string') return keccak_256(encodeText(value))
  if (type === 'address') return padded(bytesOf(value, 20), 'left')
  if (type === 'bytes') return keccak_256(bytesOf(value))
  if (type.startsWith('bytes')) return padded(bytesOf(value, Number(type.slice('bytes'.length))), 'right')
  return encodeInteger(type, value)
}

function encodeBoolean(value: unknown): Uint8Array {
  if (typeof value !== 'boolean') throw misfit('bool')
  return padded(Uint8Array.of(value ? 1 : 0), 'left')
}

function encodeText(value: unknown): Uint8Array {
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) throw misfit('string')
  return utf8(value)
}

function bytesOf(value: unknown, length?: number): Uint8Array {
  if (typeof value !== 'string' || !/^0x([0-9a-fA-F]{2})*$/.test(value)) throw misfit('bytes or address')
  const bytes = fromHex(value)
  if (length !== undefined && bytes.length !== length) throw misfit('bytes or address')
  return bytes
}

/** Two's complement, big-endian, in a word. */
function encodeInteger(type: string, value: unknown): Uint8Array {
  const signed = type.startsWith('int')
  const bits = BigInt(type.replace(/^u?int/, ''))
  const number = integerOf(value)
  const [min, max] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
  if (number < min || number > max) throw misfit('integer')
  return fromHex(`0x${BigInt.asUintN(256, number).toString(16).padStart(64, '0')}`)
}

function integerOf(value: unknown): bigint {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value)
  const isText = typeof value === 'string' && /^(0|-?[1-9][0-9]{0,77}|0x[0-9a-fA-F]{1,64})$/.test(value)
  if (isNumber || isText) return BigInt(value)
  throw misfit('integer')
}

function padded(bytes: Uint8Array, side: 'left' | 'right'): Uint8Array {
  const word = new Uint8Array(32)
  word.set(bytes, side === 'left' ? 32 - bytes.length : 0)
  return word
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const misfit = (type: string) => refused(`message: a value is no ${type} of its type`)

/** Names of the caller's are not repeated. */
function refused(what: string): WireError {
  return new WireError('VALIDATION_FAILED', `typedData.${what}`)
}
