import { limits } from '@tandem/wire'
import { createStock } from '../../shared/client/src/wallet/stock.ts'

test('a presignature can be taken once, the oldest first', () => {
  const stock = createStock<string>(() => 0)
  stock.put('k', [
    { id: '1', value: 'a' },
    { id: '2', value: 'b' },
  ])
  expect([stock.take('k'), stock.take('k'), stock.take('k')]).toEqual(['a', 'b', undefined])
})

test('keys do not share their stock', () => {
  const stock = createStock<string>(() => 0)
  stock.put('k', [{ id: '1', value: 'a' }])
  expect(stock.take('other')).toBeUndefined()
  expect(stock.ids('k')).toEqual(['1'])
})

test('what is older than a day is forgotten', () => {
  let now = 0
  const stock = createStock<string>(() => now)
  stock.put('k', [{ id: '1', value: 'a' }])
  now = limits.PRESIGNATURE_MS + 1
  expect(stock.size('k')).toBe(0)
  expect(stock.take('k')).toBeUndefined()
})
