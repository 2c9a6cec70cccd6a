import { readFileSync } from 'node:fs'
import { x25519 } from '@noble/curves/ed25519.js'
import { hexToBytes } from '@noble/hashes/utils.js'
import { hpkeSeal, hpkeSuite, requireExchangeKey } from '../../sigpair/src/crypto/hpke.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('hpke')
const suite = await hpkeSuite()
const secretKey = rng(32)
const publicKey = x25519.getPublicKey(secretKey)
const info = rng(32)

const open = async (sealed: Awaited<ReturnType<typeof hpkeSeal>>, secret = secretKey, about = info) =>
  suite.Open(await suite.DeserializePrivateKey(secret), sealed.enc, sealed.ciphertext, { info: about })

test('the suite is the one of RFC 9180, A.2: its vector opens', async () => {
  const file = readFileSync(new URL('../vectors/hpke_rfc9180.json', import.meta.url), 'utf8')
  const { source: _, ...fields } = JSON.parse(file) as Record<
    'info' | 'skRm' | 'pkRm' | 'enc' | 'pt' | 'aad' | 'ct',
    string
  > & {
    readonly source: string
  }
  const vector = Object.fromEntries(Object.entries(fields).map(([name, hex]) => [name, hexToBytes(hex)])) as Record<
    keyof typeof fields,
    Uint8Array
  >
  expect(x25519.getPublicKey(vector.skRm)).toEqual(vector.pkRm)
  const key = await suite.DeserializePrivateKey(vector.skRm)
  const opened = await suite.Open(key, vector.enc, vector.ct, { info: vector.info, aad: vector.aad })
  expect(opened).toEqual(vector.pt)
})

test('what is sealed opens for its recipient, with its info, and differs each time', async () => {
  const secret = rng(32)
  const [one, other] = await Promise.all([hpkeSeal(publicKey, secret, info), hpkeSeal(publicKey, secret, info)])
  expect(one.enc).toHaveLength(32)
  expect(one.ciphertext).toHaveLength(48)
  expect(await open(one)).toEqual(secret)
  expect(one.enc).not.toEqual(other.enc)
  await expect(open(one, rng(32))).rejects.toThrow()
  await expect(open(one, secretKey, rng(32))).rejects.toThrow()
  await expect(open({ ...one, enc: other.enc })).rejects.toThrow()
  await expect(open({ ...one, ciphertext: one.ciphertext.with(0, one.ciphertext[0]! ^ 1) })).rejects.toThrow()
})

/** The points of order 1, 2, 4 and 8, and their encodings above the prime. Source: RFC 7748; curve25519 by D. J. Bernstein. */
const LOW_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

test('a key of low order is refused, before and by the encapsulation', async () => {
  for (const hex of LOW_ORDER) {
    const key = hexToBytes(hex)
    const refused = { code: 'VALIDATION_FAILED', details: 'encryptionKey: not an X25519 key' }
    expect(() => requireExchangeKey(key, 'encryptionKey')).toThrow(expect.objectContaining(refused))
    await expect(hpkeSeal(key, rng(32), info)).rejects.toThrow()
  }
  requireExchangeKey(publicKey, 'encryptionKey')
})
