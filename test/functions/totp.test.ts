import { newRecoveryCodes } from '../../functions/src/two-factor/recovery-codes.ts'
import { stepOfCode, totpLabel } from '../../functions/src/two-factor/totp.ts'

/** RFC 6238, appendix B, SHA-1: the last six of its eight digits. */
const SECRET = new TextEncoder().encode('12345678901234567890')
const at = (seconds: number, code: string, lastStep = 0) => stepOfCode(SECRET, code, lastStep, seconds * 1000)

test.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('at %i s the code is %s', (seconds, code) => {
  expect(at(seconds, code)).toBe(Math.floor(seconds / 30))
})

test('a code is good one step early and late, and no more', () => {
  expect(at(29, '287082')).toBe(1)
  expect(at(89, '287082')).toBe(1)
  expect(at(119, '287082')).toBeUndefined()
  expect(at(1_111_111_109 - 60, '081804')).toBeUndefined()
})

test('a step that is used up, and every one before it, is refused', () => {
  expect(at(59, '287082', 0)).toBe(1)
  expect(at(59, '287082', 1)).toBeUndefined()
  expect(at(59, '287082', 2)).toBeUndefined()
})

test('what is no code is no code', () => {
  for (const code of ['', '28708', '2870820', '28708x', '      ', '２８７０８２']) expect(at(59, code)).toBeUndefined()
})

test('the label says what apps need, and escapes the account', () => {
  const { otpauthUrl, secret } = totpLabel(SECRET, 'ada & bea/x?y')
  expect(secret).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  const url = new URL(otpauthUrl)
  expect(decodeURIComponent(url.pathname)).toContain('Tandem:ada & bea/x?y')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    issuer: 'Tandem',
    secret,
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
})

test('recovery codes are ten, different, and 80 bits of characters that read like nothing else', () => {
  const codes = Array.from({ length: 50 }, newRecoveryCodes).flat()
  expect(new Set(codes).size).toBe(500)
  for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/)
  expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32)
})
