import { split } from '../../shared/ecdsa/src/math/bytes.ts'

test('what is cut out of a pooled Buffer is a copy', () => {
  const pooled = Buffer.from('0102030405', 'hex')
  const [head, tail] = split(pooled, 2, 3)
  pooled.fill(9)
  expect([...head, ...tail]).toEqual([1, 2, 3, 4, 5])
  expect(head.buffer.byteLength).toBe(2)
})
