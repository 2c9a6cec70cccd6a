import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { native } from '@tandem/ec-native'
import { type Backend, fromBytesBE, type Point, q, toBytes32 } from '@tandem/ecdsa'
import { backends } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'

const p = 2n ** 256n - 2n ** 32n - 977n
const ascii = (text: string) => new TextEncoder().encode(text)
const EDGES = [0n, 1n, 2n, 3n, q - 1n, q - 2n, (q - 1n) / 2n, 2n ** 128n, 2n ** 255n]
const scalars = [...EDGES, ...Array.from({ length: 20 }, (_, i) => fromBytesBE(seeded(`scalar ${i}`)(32)) % q)]
const hexOf = (backend: Backend, P: Point) => (backend.isIdentity(P) ? 'O' : bytesToHex(backend.encode(P)))

test('libsecp256k1 loads on this machine, so that it is tested at all', () => {
  expect(native()?.name).toBe('native')
})

test('elliptic, to which the addon’s package falls back, is nowhere in the tree: noble has its place', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const found = globSync('**/node_modules/elliptic/package.json', { cwd: root })
  const names = found.map((path) => (JSON.parse(readFileSync(`${root}${path}`, 'utf8')) as { name: string }).name)
  expect(new Set(names)).toEqual(new Set(['@noble/curves']))
})

test('variable-time multiplication is called where public data is multiplied, and nowhere else (#9)', () => {
  const root = fileURLToPath(new URL('../../shared/', import.meta.url))
  const places = (word: string) =>
    globSync('*/src/**/*.ts', { cwd: root }).filter((path) => readFileSync(`${root}${path}`, 'utf8').includes(word))
  expect(places('multiplyUnsafe')).toEqual(['ecdsa/src/math/noble.ts'])
  expect(places('mulAddUnsafe')).toEqual([])
  expect(places('publicKeyTweakMul').toSorted()).toEqual(['ec-native/src/addon.ts', 'ec-native/src/native.ts'])
})

describe.each(backends)('$name', (backend) => {
  const G = backend.mulBase(1n)

  test('SHA-256 and SHA-512 of "abc" (FIPS 180)', () => {
    expect(bytesToHex(backend.sha256(ascii('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    expect(bytesToHex(backend.sha512(ascii('abc')))).toBe(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
        '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    )
  })

  test('HMAC-SHA-512 (RFC 4231, cases 1, 2 and 6)', () => {
    expect(bytesToHex(backend.hmacSha512(new Uint8Array(20).fill(0x0b), ascii('Hi There')))).toBe(
      '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde' +
        'daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    )
    expect(bytesToHex(backend.hmacSha512(ascii('Jefe'), ascii('what do ya want for nothing?')))).toBe(
      '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554' +
        '9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
    )
    const longKey = ascii('Test Using Larger Than Block-Size Key - Hash Key First')
    expect(bytesToHex(backend.hmacSha512(new Uint8Array(131).fill(0xaa), longKey))).toBe(
      '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352' +
        '6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
    )
  })

  test.each([
    [
      '',
      'c1cae290e291aee617ebaef1be6d73861479c48b841eaba9b7b5852ddfeb1346',
      '64fa678e07ae116126f08b022a94af6de15985c996c3a91b64c406a960e51067',
    ],
    [
      'abc',
      '3377e01eab42db296b512293120c6cee72b6ecf9f9205760bd9ff11fb3cb2c4b',
      '7f95890f33efebd1044d382a01b1bee0900fb6116f94688d487c6c7b9c8371f6',
    ],
    [
      'abcdef0123456789',
      'bac54083f293f1fe08e4a70137260aa90783a5cb84d3f35848b324d0674b0e3a',
      '4436476085d4c3c4508b60fcf4389c40176adce756b398bdee27bca19758d828',
    ],
    [
      `q128_${'q'.repeat(128)}`,
      'e2167bc785333a37aa562f021f1e881defb853839babf52a7f72b102e41890e9',
      'f2401dd95cc35867ffed4f367cd564763719fbc6a53e969fb8496a1e6685d873',
    ],
    [
      `a512_${'a'.repeat(512)}`,
      'e3c8d35aaaf0b9b647e88a0a0a7ee5d5bed5ad38238152e4e6fd8c1f8cb7c998',
      '8446eeb6181bf12f56a9d24e262221cc2f0c4725c7e3803024b5888ee5823aa6',
    ],
  ])('hashes %# of RFC 9380, J.8.1 to its point', (message, x, y) => {
    const P = backend.hashToCurve(ascii(message), 'QUUX-V01-CS02-with-secp256k1_XMD:SHA-256_SSWU_RO_')
    const parity = 2 + (Number.parseInt(y.slice(-1), 16) & 1)
    expect(hexOf(backend, P)).toBe(`0${parity}${x}`)
  })

  test('refuses a domain tag that is empty or longer than 255 characters', () => {
    for (const domain of ['', 'x'.repeat(256)]) expect(() => backend.hashToCurve(ascii('m'), domain)).toThrow('domain')
  })

  test.each([
    [
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('verifies Ed25519 test %# of RFC 8032, 7.1, and nothing near it', (key, message, signature) => {
    const [A, m, s] = [key, message, signature].map(hexToBytes) as [Uint8Array, Uint8Array, Uint8Array]
    expect(backend.ed25519Verify(s, m, A)).toBe(true)
    expect(backend.ed25519Verify(s, Uint8Array.of(...m, 0), A)).toBe(false)
    for (const at of [0, 31, 32, 63]) expect(backend.ed25519Verify(flipped(s, at), m, A)).toBe(false)
    for (const at of [0, 31]) expect(backend.ed25519Verify(s, m, flipped(A, at))).toBe(false)
    for (const short of [s.slice(1), Uint8Array.of(...s, 0)]) expect(backend.ed25519Verify(short, m, A)).toBe(false)
    expect(backend.ed25519Verify(s, m, A.slice(1))).toBe(false)
  })

  test('encodes points compressed, and reads back what it wrote', () => {
    for (const k of scalars.filter((k) => k !== 0n)) {
      const bytes = backend.encode(backend.mulBase(k))
      expect(bytes).toEqual(secp256k1.getPublicKey(toBytes32(k), true))
      expect(backend.equal(backend.decode(bytes), backend.mulBase(k))).toBe(true)
    }
  })

  test('encodes many points as it encodes one', () => {
    const points = scalars.slice(1, 8).map((k) => backend.add(backend.mulBase(k), backend.mul(G, 5n)))
    expect(backend.encodeAll(points)).toEqual(points.map((P) => backend.encode(P)))
    expect(backend.encodeAll([])).toEqual([])
  })

  test('the identity has no encoding', () => {
    expect(() => backend.encode(backend.identity)).toThrow(RangeError)
    expect(() => backend.encodeAll([G, backend.identity])).toThrow(RangeError)
  })

  test('the identity behaves as zero', () => {
    const O = backend.identity
    expect(
      [O, backend.mulBase(0n), backend.mul(G, 0n), backend.fixed(G)(0n), backend.mulPublic(G, 0n)].map((P) =>
        backend.isIdentity(P),
      ),
    ).toEqual(Array(5).fill(true))
    expect(
      [backend.mul(O, 5n), backend.fixed(O)(5n), backend.mulPublic(O, 5n), backend.negate(O), backend.add(O, O)].map(
        (P) => backend.isIdentity(P),
      ),
    ).toEqual(Array(5).fill(true))
    expect(backend.equal(backend.add(G, O), G) && backend.equal(backend.add(O, G), G)).toBe(true)
    expect(backend.isIdentity(backend.add(G, backend.negate(G)))).toBe(true)
    expect(backend.equal(O, G)).toBe(false)
    expect(backend.equal(O, backend.add(G, backend.negate(G)))).toBe(true)
    expect(backend.isIdentity(G)).toBe(false)
  })

  test('adding a point to itself doubles it', () => {
    for (const k of [1n, 7n, q - 1n]) {
      const P = backend.mulBase(k)
      expect(hexOf(backend, backend.add(P, P))).toBe(hexOf(backend, backend.mulBase((2n * k) % q)))
    }
  })

  test('refuses a scalar of q and above', () => {
    for (const act of [
      (k: bigint) => backend.mulBase(k),
      (k: bigint) => backend.mul(G, k),
      backend.fixed(G),
      (k: bigint) => backend.mulPublic(G, k),
    ]) {
      for (const k of [q, q + 1n, 2n ** 256n, -1n]) expect(() => act(k)).toThrow()
    }
  })

  test.each(Object.entries(badPoints()))('refuses %s', (_, bytes) => {
    expect(() => backend.decode(bytes)).toThrow(RangeError)
  })

  test('a random point is on the curve, has either sign, and depends on the generator only', () => {
    const draw = (seed: number) => hexOf(backend, backend.randomPoint(seeded(seed)))
    const points = Array.from({ length: 64 }, (_, i) => draw(i))
    expect(draw(5)).toBe(points[5])
    expect(new Set(points).size).toBe(64)
    expect(points.filter((hex) => hex.startsWith('02')).length).toBeGreaterThan(16)
    expect(points.filter((hex) => hex.startsWith('03')).length).toBeGreaterThan(16)
  })

  test('verifies low-s signatures only, and only over 32-byte digests under compressed keys', () => {
    const key = toBytes32(scalars[12]!)
    const digest = seeded('digest')(32)
    const signature = secp256k1.sign(digest, key, { prehash: false, lowS: true })
    const publicKey = secp256k1.getPublicKey(key, true)
    expect(backend.verify(signature, digest, publicKey)).toBe(true)
    expect(backend.verify(highS(signature), digest, publicKey)).toBe(false)
    expect(backend.verify(flipped(signature, 40), digest, publicKey)).toBe(false)
    expect(backend.verify(signature, flipped(digest, 0), publicKey)).toBe(false)
    expect(backend.verify(signature, digest, flipped(publicKey, 0))).toBe(false)
    expect(backend.verify(signature, digest, secp256k1.getPublicKey(key, false))).toBe(false)
    expect(backend.verify(signature.slice(1), digest, publicKey)).toBe(false)
    expect(backend.verify(signature, digest.slice(1), publicKey)).toBe(false)
    for (const zero of [0, 32])
      expect(backend.verify(signature.slice().fill(0, zero, zero + 32), digest, publicKey)).toBe(false)
  })

  test('recovers the key a signature belongs to', () => {
    const key = toBytes32(scalars[13]!)
    const digest = seeded('digest')(32)
    const recovered = secp256k1.sign(digest, key, { prehash: false, format: 'recovered' })
    const [recovery, signature] = [recovered[0]!, recovered.slice(1)]
    expect(backend.recover(signature, recovery, digest)).toEqual(secp256k1.getPublicKey(key, true))
    expect(backend.recover(highS(signature), recovery ^ 1, digest)).toEqual(secp256k1.getPublicKey(key, true))
    expect(backend.recover(signature, recovery ^ 1, digest)).not.toEqual(secp256k1.getPublicKey(key, true))
    for (const id of [2, 3, 4, -1, 1.5]) expect(backend.recover(signature, id, digest)).toBeUndefined()
    expect(backend.recover(signature.slice().fill(0, 0, 32), recovery, digest)).toBeUndefined()
    expect(backend.recover(signature.slice().fill(0xff, 0, 32), recovery, digest)).toBeUndefined()
    expect(backend.recover(signature.slice(1), recovery, digest)).toBeUndefined()
  })
})

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
}

function highS(signature: Uint8Array): Uint8Array {
  return Uint8Array.of(...signature.slice(0, 32), ...toBytes32(q - fromBytesBE(signature.slice(32))))
}

function badPoints(): Record<string, Uint8Array> {
  const good = secp256k1.getPublicKey(toBytes32(77n), true)
  const long = secp256k1.getPublicKey(toBytes32(77n), false)
  const withX = (x: bigint) => Uint8Array.of(2, ...toBytes32(x))
  return {
    'the uncompressed form': long,
    'a hybrid form': Uint8Array.of(6, ...long.slice(1)),
    'a compressed point with an uncompressed prefix': Uint8Array.of(4, ...good.slice(1)),
    'a compressed point with a hybrid prefix': Uint8Array.of(7, ...good.slice(1)),
    'prefix 0': Uint8Array.of(0, ...good.slice(1)),
    'prefix 1': Uint8Array.of(1, ...good.slice(1)),
    'the one-byte identity': Uint8Array.of(0),
    'x = 0, which is not on the curve': withX(0n),
    'x = 5, which is not on the curve': withX(5n),
    'x = p': withX(p),
    'x = p + 1, the same residue as a point’s x': withX(p + 1n),
    'x = 2^256 − 1': withX(2n ** 256n - 1n),
    'a truncated point': good.slice(0, 32),
    'a point with a byte more': Uint8Array.of(...good, 0),
    nothing: new Uint8Array(0),
  }
}
