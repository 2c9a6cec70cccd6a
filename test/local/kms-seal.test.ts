import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openText, readSealKey, sealText } from '../../infra/local/src/kms/kms-seal.ts'
import { openKmsFile } from '../../infra/local/src/kms/kms-state.ts'

const folder = mkdtempSync(join(tmpdir(), 'tandem-kms-seal-'))
afterAll(() => rmSync(folder, { recursive: true }))

const KEY = new Uint8Array(32).fill(7)
const STATE = { keyRings: { 'projects/p/locations/l/keyRings/r': { createdAt: 1 } }, cryptoKeys: {} }

test('what a sealed KMS writes shows nothing and opens again under its key', () => {
  const path = join(folder, 'sealed.json')
  openKmsFile(path, KEY).change(STATE)
  expect(readFileSync(path, 'utf8')).not.toContain('keyRings')
  expect(openKmsFile(path, KEY).state()).toEqual(STATE)
})

test('a sealed file opens neither without a key nor under another', () => {
  const path = join(folder, 'other.json')
  openKmsFile(path, KEY).change(STATE)
  expect(() => openKmsFile(path)).toThrow('name its seal key')
  expect(() => openKmsFile(path, new Uint8Array(32))).toThrow('does not open')
})

test('a file in the clear is not taken for a sealed one', () => {
  const path = join(folder, 'clear.json')
  openKmsFile(path).change(STATE)
  expect(() => openKmsFile(path, KEY)).toThrow('in the clear')
})

test('a changed byte is refused, and so is a file that was cut', () => {
  const { format, sealed } = JSON.parse(sealText('{}', KEY)) as { format: string; sealed: string }
  const bytes = Buffer.from(sealed, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    expect(() => openText(JSON.stringify({ format, sealed: changed.toString('base64') }), KEY)).toThrow('does not open')
  }
  expect(() => openText(JSON.stringify({ format, sealed: 'AAAA' }), KEY)).toThrow('cut short')
})

test('a seal key is 64 hex digits in a file that nobody else may read', () => {
  const path = join(folder, 'seal.key')
  writeFileSync(path, `${'0f'.repeat(32)}\n`, { mode: 0o600 })
  expect(readSealKey(path)).toEqual(new Uint8Array(32).fill(15))
  chmodSync(path, 0o644)
  expect(() => readSealKey(path)).toThrow('chmod 400')
  chmodSync(path, 0o600)
  writeFileSync(path, 'correct horse battery staple')
  expect(() => readSealKey(path)).toThrow(/64 hex digits(?!.*horse)/)
})
