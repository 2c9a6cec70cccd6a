import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadOrCreateSecrets, secretsUnder } from '../../functions/src/ports/secrets.ts'

const secrets = secretsUnder(new Uint8Array(32).fill(7))
const place = { purpose: 'totp secret', owner: 'https://issuer.example|ada' }
const plain = new TextEncoder().encode('a secret')

const directory = mkdtempSync(join(tmpdir(), 'tandem-secrets-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('what is sealed opens where it was sealed for, and looks different each time', () => {
  const sealed = secrets.seal(place, plain)
  expect(secrets.open(place, sealed)).toEqual(plain)
  expect(secrets.seal(place, plain)).not.toEqual(sealed)
  expect(Buffer.from(sealed).toString('latin1')).not.toContain('a secret')
  expect(secrets.openText(place, secrets.sealText(place, 'é'))).toBe('é')
})

test('it opens for no other user, no other purpose and under no other key', () => {
  const sealed = secrets.seal(place, plain)
  expect(() => secrets.open({ ...place, owner: 'https://issuer.example|eve' }, sealed)).toThrow()
  expect(() => secrets.open({ ...place, purpose: 'another' }, sealed)).toThrow()
  expect(() => secretsUnder(new Uint8Array(32).fill(8)).open(place, sealed)).toThrow()
})

test('every byte counts, and so does the length', () => {
  const sealed = secrets.seal(place, plain)
  for (const [i, byte] of sealed.entries()) expect(() => secrets.open(place, sealed.with(i, byte ^ 1))).toThrow()
  for (let length = 0; length < sealed.length; length++)
    expect(() => secrets.open(place, sealed.subarray(0, length))).toThrow()
})

test('a tag is the same for the same value, user and purpose only', () => {
  const tag = secrets.tag(place, 'code')
  expect(secrets.tag(place, 'code')).toBe(tag)
  const others = [
    secrets.tag(place, 'Code'),
    secrets.tag({ ...place, owner: 'eve' }, 'code'),
    secrets.tag({ ...place, purpose: 'x' }, 'code'),
    secretsUnder(new Uint8Array(32)).tag(place, 'code'),
  ]
  expect(others).not.toContain(tag)
})

test('the key file is made once, for its owner only', () => {
  const path = join(directory, 'deep', 'functions.key')
  const sealed = loadOrCreateSecrets(path).seal(place, plain)
  expect(loadOrCreateSecrets(path).open(place, sealed)).toEqual(plain)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(directory, 'deep'))).toEqual(['functions.key'])
})

test('a key file that others may read, or that holds no key, is refused without a word of what is in it', () => {
  const path = join(directory, 'bad.key')
  writeFileSync(path, 'hush', { mode: 0o600 })
  expect(() => loadOrCreateSecrets(path)).toThrow(/bad\.key holds no key/)
  expect(() => loadOrCreateSecrets(path)).not.toThrow(/hush/)
  writeFileSync(path, `${'ab'.repeat(32)}\n`)
  chmodSync(path, 0o644)
  expect(() => loadOrCreateSecrets(path)).toThrow(/can be read by others/)
})

test('a key file that the platform mounts is taken with its mode, and never made', () => {
  const path = join(directory, 'mounted.key')
  expect(() => loadOrCreateSecrets(path, true)).toThrow(/is not there/)
  writeFileSync(path, 'ab'.repeat(32), { mode: 0o444 })
  expect(loadOrCreateSecrets(path, true).open).toBeDefined()
})
