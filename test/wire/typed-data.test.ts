import {
  MAX_TYPED_DATA_CHARS,
  readTypedData,
  canonicalJson,
  toHex,
  type TypedData,
  typedData,
  typedDataDigest,
} from '@tandem/wire'
import { SigningKey, Signature, TypedDataEncoder, type TypedDataDomain, verifyTypedData, computeAddress } from 'ethers'
import { recoverAddressTyped } from 'micro-eth-signer'
import { seeded, type SeededRng } from '../helpers/rng.ts'

/** The example of EIP-712 itself, with the digest and the signature the standard prints for `cow`. */
const MAIL: TypedData = {
  types: {
    EIP712Domain: [
      { name: 'name', type: 'string' },
      { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' },
      { name: 'verifyingContract', type: 'address' },
    ],
    Person: [
      { name: 'name', type: 'string' },
      { name: 'wallet', type: 'address' },
    ],
    Mail: [
      { name: 'from', type: 'Person' },
      { name: 'to', type: 'Person' },
      { name: 'contents', type: 'string' },
    ],
  },
  primaryType: 'Mail',
  domain: {
    name: 'Ether Mail',
    version: '1',
    chainId: 1,
    verifyingContract: '0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC',
  },
  message: {
    from: { name: 'Cow', wallet: '0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826' },
    to: { name: 'Bob', wallet: '0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB' },
    contents: 'Hello, Bob!',
  },
}
const MAIL_DIGEST = '0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2'

const refusal = expect.objectContaining({ code: 'VALIDATION_FAILED' })
const digest = (data: TypedData) => toHex(typedDataDigest(typedData.parse(data)))

/** One of ours, with other types, message or domain. */
const data = (fields: readonly string[], message: object, more: Partial<TypedData> = {}): TypedData => {
  const struct = fields.map((text) => ({ type: text.split(' ')[0]!, name: text.split(' ')[1]! }))
  const { types, ...rest } = more
  return {
    domain: { name: 'test' },
    primaryType: 'Thing',
    message: { ...message },
    ...rest,
    types: { Thing: struct, ...types },
  }
}

test('the example of the standard has the digest and signer that the standard prints', () => {
  expect(digest(MAIL)).toBe(MAIL_DIGEST)
  const { EIP712Domain: _, ...types } = MAIL.types
  expect(digest({ ...MAIL, types })).toBe(MAIL_DIGEST)
  const signature = Signature.from({
    r: '0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d',
    s: '0x07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562',
    v: 28,
  }).serialized
  expect(verifyTypedData(MAIL.domain as TypedDataDomain, types, MAIL.message, signature)).toBe(
    '0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826',
  )
})

test('random messages have the digest of ethers, and a signature of it is good for a second library', () => {
  const rng = seeded('typed data')
  const key = new SigningKey(`0x${'46'.repeat(32)}`)
  for (let i = 0; i < 60; i++) {
    const made = randomData(rng)
    const ours = digest(made)
    expect({ made, ours }).toEqual({
      made,
      ours: TypedDataEncoder.hash(made.domain as TypedDataDomain, made.types, made.message),
    })
    const recovered = recoverAddressTyped(key.sign(ours).serialized, made as never)
    expect(recovered).toBe(computeAddress(key))
  }
})

test('types that are not part of the primary one change nothing', () => {
  const { Mail, Person } = MAIL.types
  expect(digest({ ...MAIL, types: { ...MAIL.types, Other: [{ name: 'x', type: 'Mail[2]' }] } })).toBe(MAIL_DIGEST)
  expect(digest({ ...MAIL, types: { Person: Person!, Mail: Mail! } })).toBe(MAIL_DIGEST)
})

test('an integer is the same as number, decimal and hexadecimal text', () => {
  const one = digest(data(['uint256 a', 'int8 b'], { a: 255, b: -1 }))
  expect(digest(data(['uint256 a', 'int8 b'], { a: '255', b: '-1' }))).toBe(one)
  expect(digest(data(['uint256 a', 'int8 b'], { a: '0xff', b: '-1' }))).toBe(one)
})

test.each<readonly [string, TypedData]>([
  ['a missing field', data(['uint8 a', 'uint8 b'], { a: 1 })],
  ['a field too much', data(['uint8 a'], { a: 1, b: 1 })],
  ['another field', data(['uint8 a'], { b: 1 })],
  ['null for a struct', data(['Inner a'], { a: null }, { types: { Inner: [] } })],
  ['a list for a struct', data(['Inner a'], { a: [] }, { types: { Inner: [] } })],
  ['a struct for a list', data(['uint8[] a'], { a: {} })],
  ['a list of another length', data(['uint8[2] a'], { a: [1] })],
  ['an integer above its type', data(['uint8 a'], { a: 256 })],
  ['an integer below its type', data(['int8 a'], { a: -129 })],
  ['a negative unsigned integer', data(['uint256 a'], { a: '-1' })],
  ['more than a word', data(['uint256 a'], { a: `${2n ** 256n}` })],
  ['a leading zero', data(['uint256 a'], { a: '01' })],
  ['a fraction as text', data(['uint256 a'], { a: '1.0' })],
  ['text for a truth value', data(['bool a'], { a: 'false' })],
  ['a number for a truth value', data(['bool a'], { a: 0 })],
  ['a number for text', data(['string a'], { a: 1 })],
  ['half a character', data(['string a'], { a: '\ud800' })],
  ['a short address', data(['address a'], { a: '0x00' })],
  ['text for bytes', data(['bytes a'], { a: 'ab' })],
  ['bytes of another length', data(['bytes4 a'], { a: '0x000000' })],
  ['the alias uint', data(['uint a'], { a: 1 })],
  ['a width that does not exist', data(['uint7 a'], { a: 1 })],
  ['bytes33', data(['bytes33 a'], { a: '0x' })],
  ['a function', data(['function a'], { a: '0x' })],
  ['a struct with the name of an elementary type', data(['uint8 a'], { a: {} }, { types: { uint8: [] } })],
  ['a type that is not declared', data(['Ghost a'], { a: {} })],
  ['an inherited name as type', data(['toString a'], { a: {} })],
  ['a type that contains itself', data(['Thing[] a'], { a: [] })],
  [
    'types that contain each other',
    data(['Inner a'], { a: { b: [] } }, { types: { Inner: [{ name: 'b', type: 'Thing[]' }] } }),
  ],
  ['a field twice', data(['uint8 a', 'uint8 a'], { a: 1 })],
  ['the domain as primary type', { ...MAIL, primaryType: 'EIP712Domain' }],
  ['a primary type that is not declared', { ...MAIL, primaryType: 'Male' }],
  ['the domain inside the message', { ...data(['EIP712Domain a'], { a: {} }), domain: { name: 'x' } }],
  ['an empty domain', { ...MAIL, domain: {} }],
  ['a domain with another field than declared', { ...MAIL, domain: { name: 'Ether Mail' } }],
])('refuses %s', (_, made) => {
  expect(() => typedDataDigest(made)).toThrow(refusal)
})

test('the form is bounded: levels, types, fields and size', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
  const nested = (levels: number) => data([`uint8${'[]'.repeat(levels)} a`], { a: deep(levels) })
  expect(() => digest(nested(4))).not.toThrow()
  const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`T${i}`, []]))
  const fields = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `f${i}`, type: 'uint8' }))
  const wrong: unknown[] = [
    { ...MAIL, message: { a: deep(20) } },
    { ...MAIL, types: many(33) },
    { ...MAIL, types: { Mail: fields(65) } },
    { ...MAIL, message: { a: 'x'.repeat(MAX_TYPED_DATA_CHARS) } },
    { ...MAIL, message: { a: 1.5 } },
    { ...MAIL, message: { a: 2 ** 53 } },
    { ...MAIL, types: { ...MAIL.types, 'A B': [] } },
    { ...MAIL, types: { Mail: [{ name: 'a', type: 'uint8[0]' }] } },
    { ...MAIL, extra: 1 },
  ]
  for (const [i, one] of wrong.entries()) expect({ i, ok: typedData.safeParse(one).success }).toEqual({ i, ok: false })
})

test('what is handed on is one text', () => {
  const json = canonicalJson(MAIL)
  expect(readTypedData(json)).toEqual(MAIL)
  for (const other of [
    JSON.stringify(MAIL),
    `${json} `,
    '',
    '{',
    'null',
    `[${json}]`,
    json.replace('"message":{', '"message":{"__proto__":1,'),
  ]) {
    expect(() => readTypedData(other)).toThrow(refusal)
  }
})

const pick = <T>(rng: SeededRng, from: readonly T[]): T => from[rng(1)[0]! % from.length]!

/** Structs in structs, lists of both kinds, every elementary type. */
function randomData(rng: SeededRng): TypedData {
  const atoms = [
    'bool',
    'address',
    'string',
    'bytes',
    'bytes1',
    'bytes32',
    'uint8',
    'uint256',
    'int16',
    'int256',
    'uint64[2]',
    'string[]',
    'bytes3[][2]',
  ]
  const struct = (made: readonly string[]) =>
    Array.from({ length: 1 + (rng(1)[0]! % 5) }, (_, i) => ({ name: `f${i}`, type: pick(rng, [...atoms, ...made]) }))
  const types: TypedData['types'] = {}
  types['Zed'] = struct([])
  types['Alpha'] = struct(['Zed', 'Zed[]'])
  types['Main'] = [...struct(['Zed', 'Alpha', 'Alpha[2]']), { name: 'z', type: 'Zed' }, { name: 'a', type: 'Alpha' }]
  const domain = {
    name: 'Random ✍',
    ...(rng(1)[0]! % 2 ? { chainId: rng(1)[0]! } : {}),
    ...(rng(1)[0]! % 2 ? { salt: toHex(rng(32)) } : {}),
  }
  return { types, domain, primaryType: 'Main', message: valueOf(rng, types, 'Main') as Record<string, unknown> }
}

function valueOf(rng: SeededRng, types: TypedData['types'], type: string): unknown {
  const [, item, length] = /^(.*)\[(\d*)\]$/.exec(type) ?? []
  if (item !== undefined) {
    const count = length === '' ? rng(1)[0]! % 4 : Number(length)
    return Array.from({ length: count }, () => valueOf(rng, types, item))
  }
  const fields = types[type]
  if (fields) return Object.fromEntries(fields.map((field) => [field.name, valueOf(rng, types, field.type)]))
  if (type === 'bool') return rng(1)[0]! % 2 === 0
  if (type === 'address') return toHex(rng(20))
  if (type === 'string') return pick(rng, ['', 'a', 'grüezi', '🏔', 'x'.repeat(100)])
  if (type === 'bytes') return toHex(rng(rng(1)[0]! % 70))
  if (type.startsWith('bytes')) return toHex(rng(Number(type.slice(5))))
  const bits = Number(type.replace(/\D/g, ''))
  const number = BigInt(toHex(rng(bits / 8)))
  return String(type.startsWith('int') ? BigInt.asIntN(bits, number) : number)
}
