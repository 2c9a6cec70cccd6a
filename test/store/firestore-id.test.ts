import * as fc from 'fast-check'
import { decodeId, encodeId } from '../../shared/store/src/firestore-id.ts'
import { ref } from '../../shared/store/src/ref.ts'

const isId = (text: string) => {
  try {
    return ref('ids', text).id === text
  } catch {
    return false
  }
}

/** Much of what needs a code, a little of everything else. */
const character = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('.', '/', '_', '^', 'c', 'd', 's', 'u', 'x', '-', '0', '`', ']') },
  { weight: 1, arbitrary: fc.constantFrom('\u0001', 'é', '\ufb01', '🦊', '界') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
)
const id = fc
  .array(character, { minLength: 1, maxLength: 12 })
  .map((characters) => characters.join(''))
  .filter(isId)

const bytes = (text: string) => Buffer.from(text)
const RUNS = { seed: 1, numRuns: 2_000 }

test('an id comes back', () => {
  fc.assert(
    fc.property(id, (one) => decodeId(encodeId(one)) === one),
    RUNS,
  )
})

test('an id is one that Firestore takes', () => {
  fc.assert(
    fc.property(id, (one) => !/[/]|^\.\.?$|^__.*__$/su.test(encodeId(one))),
    RUNS,
  )
})

test('the order of UTF-8 bytes stays, and so does every prefix', () => {
  fc.assert(
    fc.property(id, id, (one, other) => {
      expect(Math.sign(bytes(encodeId(one)).compare(bytes(encodeId(other))))).toBe(
        Math.sign(bytes(one).compare(bytes(other))),
      )
      expect(encodeId(one).startsWith(encodeId(other))).toBe(one.startsWith(other))
    }),
    RUNS,
  )
})

test.each(['.', '/', '_', '^', '界', '🦊'])('the longest id of %s has at most 1500 bytes', (one) => {
  const longest = one.repeat(500 / one.length)
  expect(isId(longest)).toBe(true)
  expect(bytes(encodeId(longest)).length).toBeLessThanOrEqual(1_500)
})

test.each([
  ['user:42', 'user:42'],
  ['a/b', 'a.sb'],
  ['..', '.d.d'],
  ['__x__', '^u_x__'],
  ['^', '^c'],
  ['a_^', 'a_^'],
])('%s is written %s', (plain, coded) => {
  expect(encodeId(plain)).toBe(coded)
})
