import { MAX_PARTIES, PROTOCOLS, SUITE } from '@tandem/rounds'
import * as fc from 'fast-check'
import { WireError } from '../../shared/wire/src/errors.ts'
import {
  decodeFrame,
  encodeFrame,
  FRAME_PROTOCOLS,
  type Frame,
  type FrameProtocol,
  HEADER_BYTES,
  SUITE_NAME,
} from '../../shared/wire/src/frame.ts'
import { MAX_FRAME_BODY } from '../../shared/wire/src/limits.ts'
import { wireCode } from './fixtures.ts'

fc.configureGlobal({ seed: 24, numRuns: Number(process.env['FC_RUNS'] ?? 1_000) })

const FRAME: Frame = {
  protocol: 'presign',
  round: 2,
  from: 1,
  to: 2,
  sid: new Uint8Array(32).fill(0xab),
  epoch: 7,
  body: Uint8Array.of(1, 2, 3),
}

const frames: fc.Arbitrary<Frame> = fc.record({
  protocol: fc.constantFrom(...(Object.keys(FRAME_PROTOCOLS) as FrameProtocol[])),
  round: fc.integer({ min: 1, max: 255 }),
  from: fc.integer({ min: 1, max: MAX_PARTIES }),
  to: fc.integer({ min: 1, max: MAX_PARTIES }),
  sid: fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((sid) => sid.some((b) => b !== 0)),
  epoch: fc.integer({ min: 0, max: 0xffffffff }),
  body: fc.uint8Array({ maxLength: 300 }),
})

/** `FRAME` with these bytes overwritten. */
function patched(at: number, ...bytes: readonly number[]): Uint8Array {
  const out = encodeFrame(FRAME)
  out.set(bytes, at)
  return out
}

test('numbers protocols, parties and the suite as rounds does', () => {
  const { control, ...protocols } = FRAME_PROTOCOLS
  expect(protocols).toEqual(PROTOCOLS)
  expect(control).toBe(0)
  expect(SUITE_NAME).toBe(SUITE)
  expect(decodeFrame(encodeFrame({ ...FRAME, from: MAX_PARTIES })).from).toBe(MAX_PARTIES)
  expect(() => encodeFrame({ ...FRAME, from: MAX_PARTIES + 1 })).toThrow(RangeError)
})

test('lays the header out in 52 little-endian bytes', () => {
  const expected = `544e444d 0100 03 02 0100 0200 ${'ab'.repeat(32)} 07000000 03000000 010203`
  expect(Buffer.from(encodeFrame(FRAME)).toString('hex')).toBe(expected.replaceAll(' ', ''))
  expect(encodeFrame(FRAME).length).toBe(HEADER_BYTES + 3)
})

test('decodes what it encodes', () => {
  fc.assert(fc.property(frames, (frame) => expect(decodeFrame(encodeFrame(frame))).toEqual(frame)))
})

test('has one encoding of each frame: bytes that decode encode to themselves', () => {
  const nearly = fc.tuple(frames, fc.nat(HEADER_BYTES - 1), fc.nat(255)).map(([frame, at, value]) => {
    const bytes = encodeFrame(frame)
    bytes[at] = value
    return bytes
  })
  fc.assert(
    fc.property(nearly, (bytes) => {
      const code = wireCode(() => expect(encodeFrame(decodeFrame(bytes))).toEqual(bytes))
      expect([undefined, 'FRAME_INVALID']).toContain(code)
    }),
  )
})

test('throws nothing but a WireError, whatever the bytes', () => {
  const magic = fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.of(0x54, 0x4e, 0x44, 0x4d, 1, 0, ...rest))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), magic), (bytes) => {
      try {
        decodeFrame(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }),
  )
})

test.each([
  ['nothing at all', new Uint8Array(0)],
  ['a header cut short', encodeFrame(FRAME).slice(0, HEADER_BYTES - 1)],
  ['a body cut short', encodeFrame(FRAME).slice(0, -1)],
  ['a byte too many', Uint8Array.of(...encodeFrame(FRAME), 0)],
  ['another magic', patched(0, 0x55)],
  ['the magic in lower case', patched(0, 0x74, 0x6e, 0x64, 0x6d)],
  ['suite 0', patched(4, 0)],
  ['suite 2', patched(4, 2)],
  ['a big-endian suite', patched(4, 0, 1)],
  ['an unknown protocol', patched(6, 9)],
  ['round 0', patched(7, 0)],
  ['sender 0', patched(8, 0, 0)],
  ['sender 33', patched(8, 33, 0)],
  ['sender 257, whose low byte is 1', patched(8, 1, 1)],
  ['recipient 0, which is reserved', patched(10, 0, 0)],
  ['recipient 33', patched(10, 33, 0)],
  ['a run of zeros', patched(12, ...new Uint8Array(32))],
  ['a body length of one less', patched(48, 2)],
  ['a body length of four thousand million', patched(48, 255, 255, 255, 255)],
])('refuses %s', (_, bytes) => {
  expect(wireCode(() => decodeFrame(bytes))).toBe('FRAME_INVALID')
})

test('takes the largest frame and refuses one byte more before it looks at it', () => {
  const largest = encodeFrame({ ...FRAME, body: new Uint8Array(MAX_FRAME_BODY) })
  expect(decodeFrame(largest).body.length).toBe(MAX_FRAME_BODY)
  expect(wireCode(() => decodeFrame(new Uint8Array(largest.length + 1)))).toBe('FRAME_TOO_LARGE')
})

test('copies: a frame does not change with the buffer it came from', () => {
  const buffer = new Uint8Array([9, 9, ...encodeFrame(FRAME)])
  const frame = decodeFrame(buffer.subarray(2))
  buffer.fill(0)
  expect(frame).toEqual(FRAME)
})

test('lets a control frame name no run, and a protocol frame not', () => {
  const control: Frame = { ...FRAME, protocol: 'control', sid: new Uint8Array(32) }
  expect(decodeFrame(encodeFrame(control))).toEqual(control)
  expect(() => encodeFrame({ ...control, protocol: 'sign' })).toThrow(RangeError)
})

test.each<[string, Partial<Frame>]>([
  ['a body too large', { body: new Uint8Array(MAX_FRAME_BODY + 1) }],
  ['round 0', { round: 0 }],
  ['round 256', { round: 256 }],
  ['half a round', { round: 1.5 }],
  ['recipient 0', { to: 0 }],
  ['a negative epoch', { epoch: -1 }],
  ['an epoch beyond 32 bits', { epoch: 2 ** 32 }],
  ['an id of 31 bytes', { sid: new Uint8Array(31).fill(1) }],
])('does not encode %s', (_, wrong) => {
  expect(() => encodeFrame({ ...FRAME, ...wrong })).toThrow(RangeError)
})
