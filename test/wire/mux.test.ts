import { decodeMux, encodeMux, limits, MAX_REASON_BYTES, type MuxMessage, utf8, WireError } from '@tandem/wire'
import * as fc from 'fast-check'

const index = fc.integer({ min: 1, max: limits.MAX_NODES })
const message: fc.Arbitrary<MuxMessage> = fc.oneof(
  fc.record({
    type: fc.constant('data' as const),
    index,
    payload: fc.uint8Array({ minLength: 1, maxLength: 300, size: 'max' }),
  }),
  fc.record({
    type: fc.constant('close' as const),
    index,
    code: fc.integer({ min: 1_000, max: 4_999 }),
    reason: fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => utf8(text).length <= MAX_REASON_BYTES),
  }),
  fc.record({
    type: fc.constant('nodes' as const),
    nodes: fc.uniqueArray(index).map((all) => all.toSorted((a, b) => a - b)),
  }),
)

/** The code of the refusal, or undefined. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeMux(bytes)
    return undefined
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

const bytesOf = (...parts: readonly (readonly number[] | Uint8Array)[]) => Uint8Array.from(parts.flatMap((p) => [...p]))

describe('a message between device and gateway', () => {
  test('is read as it was written, and written in one way', () => {
    fc.assert(
      fc.property(message, (one) => {
        const bytes = encodeMux(one)
        expect(decodeMux(bytes)).toEqual(one)
        expect(encodeMux(decodeMux(bytes))).toEqual(bytes)
      }),
    )
  })

  test('of any other bytes is refused with a listed error, or was one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        if (refusal(bytes) === undefined) expect(encodeMux(decodeMux(bytes))).toEqual(bytes)
        else expect(refusal(bytes)).toBe('FRAME_INVALID')
      }),
      { numRuns: 500 },
    )
  })

  test('that was changed is refused, or is another one', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, flip) => {
        const bytes = encodeMux(one)
        bytes[at % bytes.length]! ^= flip
        if (refusal(bytes) === undefined) expect(decodeMux(bytes)).not.toEqual(one)
      }),
      { numRuns: 300 },
    )
  })

  test('has the bytes of the specification', () => {
    expect(encodeMux({ type: 'data', index: 3, payload: Uint8Array.of(9, 8) })).toEqual(bytesOf([3, 0, 9, 8]))
    expect(encodeMux({ type: 'close', index: 2, code: 4028, reason: 'UNAVAILABLE' })).toEqual(
      bytesOf([2, 1, 0xbc, 0x0f], utf8('UNAVAILABLE')),
    )
    expect(encodeMux({ type: 'nodes', nodes: [1, 3] })).toEqual(bytesOf([0, 0], utf8('{"nodes":[1,3]}')))
  })

  test('has a length: one Noise message fits, no more and not nothing', () => {
    const largest = new Uint8Array(limits.MAX_SOCKET_PAYLOAD)
    expect(decodeMux(encodeMux({ type: 'data', index: 1, payload: largest }))).toMatchObject({ index: 1 })
    expect(refusal(new Uint8Array(limits.MAX_SOCKET_PAYLOAD + 3))).toBe('FRAME_TOO_LARGE')
    for (const bytes of [[], [1], [1, 0], [1, 1], [0, 0], [1, 1, 0]]) {
      expect(refusal(Uint8Array.from(bytes))).toBe('FRAME_INVALID')
    }
    expect(refusal(bytesOf([1, 1, 0xe8, 3], new Uint8Array(MAX_REASON_BYTES + 1).fill(65)))).toBe('FRAME_INVALID')
  })

  test('names a member that can exist, a type, a close code and text', () => {
    const bad = [
      bytesOf([32, 0, 1]),
      bytesOf([255, 0, 1]),
      bytesOf([0, 1, 0xe8, 3]),
      bytesOf([1, 2, 1]),
      bytesOf([1, 1, 0xe7, 3]),
      bytesOf([1, 1, 0x88, 0x13]),
      bytesOf([1, 1, 0xe8, 3, 0xff]),
      bytesOf([1, 1, 0xe8, 3, 0xc0, 0x80]),
    ]
    for (const bytes of bad) expect(refusal(bytes)).toBe('FRAME_INVALID')
  })

  test('of the gateway is one canonical text', () => {
    const texts = ['{"nodes":[1, 2]}', '{"nodes":[2,1]}', '{"nodes":[1,1]}', '{"nodes":[0]}', '{"nodes":[32]}', '[1,2]']
    const others = [
      '{"nodes":[1],"a":1}',
      '{"nodes":[1.0]}',
      '{"nodes":[1e0]}',
      '{}',
      'null',
      '{',
      '{"nodes":"1"}',
      '\ufeff{"nodes":[]}',
    ]
    for (const text of [...texts, ...others]) expect(refusal(bytesOf([0, 0], utf8(text)))).toBe('FRAME_INVALID')
    expect(decodeMux(bytesOf([0, 0], utf8('{"nodes":[]}')))).toEqual({ type: 'nodes', nodes: [] })
  })

  test('that nobody may read is not written', () => {
    const payload = Uint8Array.of(1)
    const bad: readonly MuxMessage[] = [
      { type: 'data', index: 0, payload },
      { type: 'data', index: 32, payload },
      { type: 'data', index: 1.5, payload },
      { type: 'data', index: 1, payload: new Uint8Array() },
      { type: 'data', index: 1, payload: new Uint8Array(limits.MAX_SOCKET_PAYLOAD + 1) },
      { type: 'close', index: 1, code: 999, reason: '' },
      { type: 'close', index: 1, code: 5_000, reason: '' },
      { type: 'close', index: 1, code: 4_000, reason: 'x'.repeat(MAX_REASON_BYTES + 1) },
      { type: 'nodes', nodes: [2, 1] },
      { type: 'nodes', nodes: [0, 1] },
    ]
    for (const one of bad) expect(() => encodeMux(one)).toThrow(RangeError)
  })
})
