import {
  ENVELOPE_BYTES,
  EnvelopeRefused,
  type Expected,
  openEnvelope,
  sealEnvelope,
} from '../../sigpair/src/committee/envelope.ts'
import { frameReader, encodeFrame } from '../../sigpair/src/committee/libp2p/frames.ts'
import { nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { broadcastSequence, heardBroadcasts, SKEW_MS, WINDOW_MS } from '../../sigpair/src/committee/sequence.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('committee envelopes')
const alice = nodeIdentity(rng(32))
const bob = nodeIdentity(rng(32))
const place = rng(32)
const payload = rng(1_000)
const expected: Expected = { kind: 'message', to: bob.name, place, from: (name) => name === alice.name }
const sealed = sealEnvelope(alice, { kind: 'message', to: bob.name, place, sequence: 7n, payload })

describe('an envelope', () => {
  test('opens to what was sealed', () => {
    const fields = { kind: 'message', from: alice.name, to: bob.name, place, sequence: 7n, payload }
    expect(openEnvelope(sealed, expected)).toEqual(fields)
    const broadcast = { kind: 'broadcast', to: undefined, place, sequence: 8n, payload } as const
    expect(openEnvelope(sealEnvelope(alice, broadcast), { ...expected, kind: 'broadcast', to: undefined })).toEqual({
      ...broadcast,
      from: alice.name,
    })
  })

  test('does not open with a bit of any byte of its head, or of its payload, changed', () => {
    for (let at = 0; at < ENVELOPE_BYTES + 2; at++) {
      const changed = sealed.with(at, sealed[at]! ^ (1 << (at & 7)))
      expect(() => openEnvelope(changed, expected)).toThrow(EnvelopeRefused)
    }
  })

  test('does not open when cut', () => {
    for (let bytes = 0; bytes <= ENVELOPE_BYTES; bytes++) {
      expect(() => openEnvelope(sealed.subarray(0, bytes), expected)).toThrow(EnvelopeRefused)
    }
  })

  test('opens wherever it lies in a larger buffer', () => {
    const larger = new Uint8Array(sealed.length + 5)
    larger.set(sealed, 5)
    expect(openEnvelope(larger.subarray(5), expected).sequence).toBe(7n)
  })
})

describe('the sequences of broadcasts', () => {
  test('rise with the clock, and when it stands still or goes back', () => {
    let now = 1_000
    const next = broadcastSequence(() => now)
    expect([next(), next()]).toEqual([1_000_000n, 1_000_001n])
    now = 900
    expect(next()).toBe(1_000_002n)
    now = 2_000
    expect(next()).toBe(2_000_000n)
  })

  const START = 1_800_000_000_000
  const micros = (ms: number) => BigInt(START + ms) * 1_000n

  test('are news once each, in any order, within the window', () => {
    const { isNews } = heardBroadcasts(() => START)
    expect([3, 1, 2, 1, 3, 2].map((ms) => isNews('a', micros(ms)))).toEqual([true, true, true, false, false, false])
    expect(isNews('b', micros(1))).toBe(true)
  })

  test('are no news when far behind the newest, from before this node, or far ahead of its clock', () => {
    const { isNews } = heardBroadcasts(() => START)
    expect(isNews('a', micros(-SKEW_MS))).toBe(false)
    expect(isNews('a', micros(SKEW_MS + 1))).toBe(false)
    expect(isNews('a', micros(-SKEW_MS + 1))).toBe(true)
    expect(isNews('a', micros(0))).toBe(true)
    expect(isNews('a', micros(-WINDOW_MS))).toBe(false)
    expect(isNews('a', micros(-WINDOW_MS + 1))).toBe(true)
  })

  test('are remembered within a bound, and stay heard', () => {
    const { isNews } = heardBroadcasts(() => START)
    const all = Array.from({ length: 10_000 }, (_, i) => micros(0) + BigInt(i))
    expect(all.filter((sequence) => isNews('a', sequence)).length).toBe(all.length)
    expect(all.filter((sequence) => isNews('a', sequence))).toEqual([])
  })
})

describe('frames', () => {
  const frames = [rng(0), rng(1), rng(70_000), rng(5)]
  const stream = Buffer.concat(frames.map(encodeFrame))

  test.each([1, 3, 4, 5, 1_000, 1_000_000])('come whole out of chunks of %i bytes', (size) => {
    const reader = frameReader(70_000)
    const out: Uint8Array[] = []
    for (let at = 0; at < stream.length; at += size) out.push(...reader.push(stream.subarray(at, at + size)))
    expect(out.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(
      frames.map((bytes) => Buffer.from(bytes).toString('hex')),
    )
  })

  test('are refused by their length alone', () => {
    expect(() => frameReader(10).push(Uint8Array.of(0, 0, 0, 11))).toThrow(RangeError)
    expect(frameReader(10).push(Uint8Array.of(0, 0, 0, 10))).toEqual([])
  })
})
