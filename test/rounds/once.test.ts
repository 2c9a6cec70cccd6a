import { inspect } from 'node:util'
import { Once, UsageError } from '@tandem/rounds'

test('gives its secret once', () => {
  const once = new Once('nonce')
  expect(once.take()).toBe('nonce')
  expect(() => once.take()).toThrow(UsageError)
})

test('never prints its secret', () => {
  const once = new Once('hunter2')
  expect(JSON.stringify({ once })).toBe('{"once":"[secret]"}')
  expect(`${once.toString()}${inspect(once, { showHidden: true, depth: 9 })}`).not.toContain('hunter2')
})

test('what nobody used can be erased, once', () => {
  const erased: string[] = []
  const once = new Once('nonce')
  once.discard((value) => erased.push(value))
  once.discard((value) => erased.push(value))
  expect(erased).toEqual(['nonce'])
  expect(() => once.take()).toThrow(UsageError)
})
