import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeCBOR } from '@levischuck/tiny-cbor'
import { WireError } from '@tandem/wire'
import { verifyAssertion } from '../../functions/src/app-attest/assertion.ts'
import { type AppAttestRules, verifyAttestation } from '../../functions/src/app-attest/attestation.ts'
import {
  APP_ID,
  type AppKey,
  type AssertionChanges,
  type Authority,
  type Changes,
  makeAppKey,
  makeIssuer,
  makeRoot,
  SIGNATURES_ONLY,
} from './app-attest-authority.ts'

const sha256 = (text: string) => Uint8Array.from(createHash('sha256').update(text).digest())
const CLIENT_DATA = new TextEncoder().encode('challenge and device')
const HASH = sha256('challenge and device')
const NOW = new Date()
const P384 = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }

let root: Authority
let issuer: Authority
let rules: AppAttestRules
let appKey: AppKey

beforeAll(async () => {
  root = await makeRoot()
  issuer = await makeIssuer(root)
  rules = {
    appIds: ['0A1B2C3D4E.com.example.other', APP_ID],
    environment: 'production',
    root: root.certificate.toString('pem'),
  }
  appKey = await makeAppKey(issuer)
})

/** `ok`, or what was missing. */
async function outcome(act: () => unknown): Promise<string> {
  try {
    await act()
    return 'ok'
  } catch (error) {
    if (error instanceof WireError) return `${error.code} ${error.details}`
    throw error
  }
}

type Given = { attestation: Uint8Array; keyId: Uint8Array; clientDataHash: Uint8Array }

const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'))

const judge = (given: Partial<Given> & Pick<Given, 'attestation'>, change: Partial<AppAttestRules> = {}, at = NOW) =>
  outcome(() =>
    verifyAttestation({ ...rules, ...change }, { keyId: bytesOf(appKey.keyId), clientDataHash: HASH, ...given }, at),
  )

const attested = async (changes: Changes = {}) => judge({ attestation: await appKey.attest(HASH, changes) })

test('accepts Apple’s published sample under Apple’s root, on the day it was made', async () => {
  const file = join(import.meta.dirname, '../vectors/app_attest_apple.json')
  const sample = JSON.parse(readFileSync(file, 'utf8')) as Record<'appId' | 'keyId' | 'clientDataHash', string> & {
    readonly x5c: readonly string[]
    readonly authData: string
    readonly root: string
    readonly validAt: string
  }
  const statement = new Map([['x5c', sample.x5c.map(bytesOf)]])
  const object = new Map<string, never>([
    ['fmt', 'apple-appattest' as never],
    ['attStmt', statement as never],
    ['authData', bytesOf(sample.authData) as never],
  ])
  const apple = { appIds: [sample.appId], environment: 'production' as const, root: sample.root }
  const given = {
    attestation: encodeCBOR(object),
    keyId: bytesOf(sample.keyId),
    // sic: in the guide the challenge stands where its hash belongs
    clientDataHash: new TextEncoder().encode(sample.clientDataHash),
  }
  expect(await judge(given, apple, new Date(sample.validAt))).toBe('ok')
  expect(await judge(given, apple)).toMatch('a certificate that is valid now')
  expect(await judge(given, { ...apple, root: rules.root }, new Date(sample.validAt))).not.toBe('ok')
})

test('accepts an attestation of a synthetic authority and says which key and app it is about', async () => {
  const attestation = await appKey.attest(HASH)
  const given = { attestation, keyId: bytesOf(appKey.keyId), clientDataHash: HASH }
  const { publicKey, appId } = await verifyAttestation(rules, given, NOW)
  expect(appId).toBe(APP_ID)
  expect(createHash('sha256').update(publicKey).digest('base64')).toBe(appKey.keyId)
})

test('refuses another challenge or device', async () => {
  const attestation = await appKey.attest(HASH)
  expect(await judge({ attestation, clientDataHash: sha256('else') })).toMatch('for this challenge and device')
})

test('refuses a nonce that is not the hash', async () => {
  expect(await attested({ nonce: sha256('else') })).toMatch('for this challenge and device')
})

test('refuses an id that is not the key’s', async () => {
  const attestation = await appKey.attest(HASH, { credentialId: sha256('else') })
  expect(await judge({ attestation, keyId: sha256('else') })).toMatch('the key of this id')
})

test('refuses a credential of another id', async () => {
  expect(await attested({ credentialId: sha256('else') })).toMatch('a credential of this id')
})

test('refuses another app', async () => {
  expect(await attested({ appId: '0A1B2C3D4E.com.example.evil' })).toMatch('an app of ours')
})

test('refuses a key that was used', async () => {
  expect(await attested({ counter: 1 })).toMatch('a key that was not used')
})

test('refuses the other environment, either way', async () => {
  expect(await attested({ aaguid: 'appattestdevelop' })).toMatch('the production environment')
  const [production, development] = await Promise.all([
    appKey.attest(HASH),
    appKey.attest(HASH, { aaguid: 'appattestdevelop' }),
  ])
  expect(await judge({ attestation: production }, { environment: 'development' })).toMatch(
    'the development environment',
  )
  expect(await judge({ attestation: development }, { environment: 'development' })).toBe('ok')
})

test('refuses another format', async () => {
  expect(await attested({ format: 'packed' })).toMatch('the format of App Attest')
})

test('refuses a key that is not on P-256', async () => {
  const large = await makeAppKey(issuer, P384)
  const attestation = await large.attest(HASH)
  expect(await judge({ attestation, keyId: bytesOf(large.keyId) })).toMatch('a key on P-256')
})

test('refuses a chain of one certificate, and of three', async () => {
  expect(await attested({ chain: (leaf) => [leaf] })).toMatch('a chain of two')
  expect(await attested({ chain: (leaf, above) => [leaf, above, above] })).toMatch('a chain of two')
})

test('refuses an authority under another root, also one of the same names', async () => {
  const other = await makeRoot()
  expect(await attested({ issuer: await makeIssuer(other) })).toMatch('an issuer under the root')
  expect(await attested({ issuer: await makeIssuer(root, { issuer: 'CN=Somebody' }) })).toMatch('under the root')
})

test('refuses a certificate that another of the same name issued', async () => {
  const twin = await makeIssuer(root)
  const chain = (leaf: Uint8Array) => [leaf, new Uint8Array(twin.certificate.rawData)]
  expect(await attested({ chain })).toMatch('a certificate of the issuer')
})

test('refuses an issuer that may not issue, by its constraints or its usage', async () => {
  expect(await attested({ issuer: await makeIssuer(root, { ca: false }) })).toMatch('an issuer that may issue')
  const usage = SIGNATURES_ONLY
  expect(await attested({ issuer: await makeIssuer(root, { usage }) })).toMatch('an issuer that may issue')
})

test('refuses the certificate of an authority in the place of a key’s', async () => {
  expect(await attested({ leaf: { ca: true } })).toMatch('of a key, not of an authority')
})

const YESTERDAY = new Date(NOW.getTime() - 3_600_000)
const TOMORROW = new Date(NOW.getTime() + 3_600_000)

test('refuses a certificate that is over or not yet valid', async () => {
  expect(await attested({ leaf: { notAfter: YESTERDAY } })).toMatch('a certificate that is valid now')
  expect(await attested({ leaf: { notBefore: TOMORROW } })).toMatch('a certificate that is valid now')
})

test('refuses an issuer and a root that are over', async () => {
  const over = await makeIssuer(root, { notAfter: YESTERDAY })
  expect(await attested({ issuer: over })).toMatch('an issuer that is valid now')
  const oldRoot = await makeRoot({ notAfter: YESTERDAY })
  const attestation = await appKey.attest(HASH, { issuer: await makeIssuer(oldRoot) })
  expect(await judge({ attestation }, { root: oldRoot.certificate.toString('pem') })).toMatch(
    'a root that is valid now',
  )
})

test('refuses whatever is no attestation object', async () => {
  const text = (value: never) => encodeCBOR(value)
  const nested = Uint8Array.from({ length: 16_000 }, () => 0x81)
  const objects = [new Uint8Array(), nested, Buffer.from('bf', 'hex'), text('x' as never), text(new Map() as never)]
  for (const attestation of objects) expect(await judge({ attestation })).toMatch(/^VALIDATION_FAILED attestation/)
  const good = await appKey.attest(HASH)
  expect(await judge({ attestation: good.slice(0, -1) })).toMatch(/^VALIDATION_FAILED/)
  expect(await judge({ attestation: Buffer.concat([good, Buffer.alloc(1)]) })).toMatch(/^VALIDATION_FAILED/)
  expect(await judge({ attestation: new Uint8Array(16_385) })).toMatch('at most 16 KiB')
  expect(await attested({ flags: 0 })).toMatch(/^VALIDATION_FAILED/)
  expect(await attested({ chain: (leaf) => [leaf, Buffer.from('3003020100', 'hex')] })).toMatch(/^VALIDATION_FAILED/)
})

describe('an assertion', () => {
  const stored = async (counter = 0) => {
    const given = { attestation: await appKey.attest(HASH), keyId: bytesOf(appKey.keyId), clientDataHash: HASH }
    return { ...(await verifyAttestation(rules, given, NOW)), counter }
  }
  const asserted = async (changes: AssertionChanges = {}, counter = 0, clientData = CLIENT_DATA) => {
    const key = await stored(counter)
    const assertion = await appKey.assert(HASH, changes)
    return outcome(() => verifyAssertion(key, { assertion, clientData }))
  }

  test('of the attested key is accepted, and gives the next counter', async () => {
    const assertion = await appKey.assert(HASH, { counter: 7 })
    expect(verifyAssertion(await stored(6), { assertion, clientData: CLIENT_DATA })).toBe(7)
  })

  test('over anything else is refused', async () => {
    const elsewhere = new TextEncoder().encode('another challenge')
    expect(await asserted({}, 0, elsewhere)).toMatch('a signature of the attested key')
  })

  test('of another key is refused', async () => {
    const other = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
    expect(await asserted({ key: other.privateKey })).toMatch('a signature of the attested key')
  })

  test('of another app is refused', async () => {
    expect(await asserted({ appId: '0A1B2C3D4E.com.example.other' })).toMatch('the app that was attested')
  })

  test('with a counter that has not risen is refused', async () => {
    expect(await asserted({ counter: 7 }, 7)).toMatch('a counter that has risen')
    expect(await asserted({ counter: 0 }, 0)).toMatch('a counter that has risen')
    expect(await asserted({ counter: 8 }, 7)).toBe('ok')
  })

  test('that is none is refused', async () => {
    const key = await stored()
    const judged = (assertion: Uint8Array) =>
      outcome(() => verifyAssertion(key, { assertion, clientData: CLIENT_DATA }))
    expect(await judged(new Uint8Array(2_049))).toMatch('at most 2 KiB')
    for (const bad of ['', 'a0', '80', 'a1697369676e617475726500'])
      expect(await judged(Buffer.from(bad, 'hex'))).toMatch(/^VALIDATION_FAILED assertion/)
    const short = new Map([
      ['signature', new Uint8Array(8)],
      ['authenticatorData', new Uint8Array(36)],
    ])
    expect(await judged(encodeCBOR(short))).toMatch(/^VALIDATION_FAILED assertion/)
  })
})
