import { WireError } from '@tandem/wire'
import * as fc from 'fast-check'
import { agreeing, merged, needed } from '../../sigpair/src/gateway/agree.ts'
import type { Fields, Word } from '../../sigpair/src/gateway/member-call.ts'
import type { Rule } from '../../sigpair/src/gateway/rules.ts'

const done = (index: number, body: Fields): Word => ({ index, said: 'done', body })
const refused = (index: number, code: ConstructorParameters<typeof WireError>[0]): Word => {
  return { index, said: 'refused', error: new WireError(code) }
}
const silent = (index: number): Word => ({ index, said: 'nothing', cause: null })

const of3 = { threshold: 2, members: 3 }
const of5 = { threshold: 2, members: 5 }
const read: Rule = { counts: 'quorum' }
const change: Rule = { counts: 'change' }

test('a change counts when fewer than t are left that have not made it, all else with t', () => {
  const sizes = fc.integer({ min: 2, max: 31 }).chain((members) => {
    return fc.record({ members: fc.constant(members), threshold: fc.integer({ min: 2, max: members }) })
  })
  fc.assert(
    fc.property(sizes, ({ members, threshold }) => {
      const need = needed('change', { members, threshold })
      expect(need).toBeGreaterThanOrEqual(threshold)
      expect(need).toBeLessThanOrEqual(members)
      expect(members - need).toBeLessThan(threshold)
      expect(needed('quorum', { members, threshold })).toBe(threshold)
      expect(needed('any', { members, threshold })).toBe(1)
    }),
  )
})

test('the answer is that of the lowest of those that agree, whoever else speaks', () => {
  const words = [done(1, { epoch: 0 }), done(2, { epoch: 1, audit: 'b' }), done(3, { epoch: 1, audit: 'c' })]
  expect(merged(words, read, of3)).toEqual({ epoch: 1, audit: 'b' })
  expect(agreeing(words, read).map(({ index }) => index)).toEqual([2, 3])
})

test('the order of fields says nothing, and what members have of their own neither', () => {
  const words = [done(1, { a: 1, b: { c: 2, d: 3 }, mine: 1 }), done(2, { b: { d: 3, c: 2 }, mine: 2, a: 1 })]
  expect(merged(words, { ...read, own: ['mine'] }, of3)).toEqual({ a: 1, b: { c: 2, d: 3 }, mine: 1 })
  expect(() => merged(words, read, of3)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
})

test('of each clock the latest beginning and the earliest end', () => {
  const words = [done(1, { notBefore: 5, expiresAt: 90 }), done(2, { notBefore: 7, expiresAt: 80 })]
  const rule: Rule = { ...change, latest: ['notBefore'], earliest: ['expiresAt'] }
  expect(merged(words, rule, of3)).toEqual({ notBefore: 7, expiresAt: 80 })
})

test('every member that did it is among the nodes, with what it said and nothing else', () => {
  const rule: Rule = { ...change, own: ['receipt'], nodes: ['receipt', 'fate'] }
  const words = [
    done(1, { key: 1, receipt: 'a' }),
    refused(2, 'KEY_BUSY'),
    done(3, { key: 1, receipt: 'c', fate: 'x' }),
  ]
  expect(merged([...words.slice(0, 2), done(3, { key: 1, receipt: 'c' })], rule, of3)).toEqual({
    key: 1,
    receipt: 'a',
    nodes: [
      { index: 1, receipt: 'a' },
      { index: 3, receipt: 'c' },
    ],
  })
})

test.each([
  ['the error that most say', [refused(1, 'NOT_FOUND'), refused(2, 'KEY_BUSY'), refused(3, 'KEY_BUSY')], 'KEY_BUSY'],
  ['of two as frequent the lowest member’s', [silent(1), refused(2, 'NOT_FOUND'), refused(3, 'KEY_BUSY')], 'NOT_FOUND'],
  ['what one refuses and one has done', [done(1, {}), refused(2, 'POLICY_DENIED'), silent(3)], 'POLICY_DENIED'],
  ['nothing from anybody', [silent(1), silent(2), silent(3)], 'UNAVAILABLE'],
  ['one alone that did it', [done(1, {}), silent(2), silent(3)], 'UNAVAILABLE'],
] as const)('too few: %s', (_what, words, code) => {
  expect(() => merged(words, read, of3)).toThrow(expect.objectContaining({ code }))
})

test('a change that too few made, but most, is not refused: repeated, it may count', () => {
  const words = [done(1, {}), done(2, {}), done(3, {}), refused(4, 'FORBIDDEN'), refused(5, 'FORBIDDEN')]
  expect(() => merged(words, change, of5)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
  expect(merged(words, read, of5)).toEqual({})
})
