import { hedged, type Rng } from '@tandem/rounds'
import { seeded } from '../helpers/rng.ts'

const stuck: Rng = (n) => new Uint8Array(n)

test('two clones of one machine, told apart by their process, draw differently (#39)', () => {
  const draw = (name: string) => hedged(seeded('same'), new TextEncoder().encode(name))(64)
  expect(draw('pid 1')).not.toEqual(draw('pid 2'))
  expect(draw('pid 1')).toEqual(draw('pid 1'))
})

test('a generator that repeats itself does not repeat a nonce', () => {
  const rng = hedged(stuck, new Uint8Array(0))
  const draws = Array.from({ length: 50 }, () => rng(32).join())
  expect(new Set(draws).size).toBe(50)
})

test('two calls after each other differ from one long call only in their source', () => {
  expect(hedged(stuck, new Uint8Array(0))(64).slice(0, 32)).not.toEqual(hedged(stuck, new Uint8Array(0))(64).slice(32))
})

test('gives exactly as many bytes as asked for, and asks its source for as many', () => {
  const asked: number[] = []
  const rng = hedged((n) => {
    asked.push(n)
    return new Uint8Array(n)
  }, new Uint8Array(0))
  for (const n of [0, 1, 31, 32, 33, 100]) expect(rng(n)).toHaveLength(n)
  expect(asked).toEqual([32, 0, 1, 31, 32, 33, 100])
})
