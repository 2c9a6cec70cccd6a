import { allowances, openAllowance } from '../../sigpair/src/committee/libp2p/allowance.ts'

test('who was quiet may spend a store at once, and then so much a second', () => {
  let ms = 0
  const allowance = openAllowance({ perSecond: 10, most: 40 }, () => ms)
  expect(allowance.has(40)).toBe(true)
  expect(allowance.has(41)).toBe(false)
  expect(allowance.spend(40)).toBe(0)
  expect(allowance.has(1)).toBe(false)
  ms += 500
  expect(allowance.has(5)).toBe(true)
  expect(allowance.spend(10)).toBe(500)
  ms += 60_000
  expect(allowance.has(41)).toBe(false)
})

test('what one peer spends is not lost to another', () => {
  const of = allowances(() => openAllowance({ perSecond: 1, most: 1 }, () => 0))
  expect(of('a').spend(5)).toBe(4_000)
  expect(of('a').has(1)).toBe(false)
  expect(of('b').has(1)).toBe(true)
})
