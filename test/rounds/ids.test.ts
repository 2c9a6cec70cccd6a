import { keyId, MAX_PARTIES, partyIndex, sessionId, UsageError } from '@tandem/rounds'

test('a party index is an integer in 1..32', () => {
  expect([1, 2, MAX_PARTIES].map(partyIndex)).toEqual([1, 2, 32])
  for (const n of [0, -1, 33, 1.5, Number.NaN, 2 ** 32]) expect(() => partyIndex(n)).toThrow(UsageError)
})

test('ids are 32 bytes and not all zero', () => {
  for (const id of [keyId, sessionId]) {
    expect(id(new Uint8Array(32).fill(1))).toHaveLength(32)
    expect(() => id(new Uint8Array(32))).toThrow(UsageError)
    expect(() => id(new Uint8Array(31).fill(1))).toThrow(UsageError)
    expect(() => id(new Uint8Array(33).fill(1))).toThrow(UsageError)
  }
})
