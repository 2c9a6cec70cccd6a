import { UsageError } from '@tandem/rounds'
import {
  aliceCheck,
  aliceRespond,
  bobFinish,
  bobStart,
  R1_BYTES,
  R2_BYTES,
} from '../../../shared/ecdsa/src/multiply/rvole.ts'
import { dealDirection, flipBit, sha2, treesOfAlice, treesOfBob } from '../../helpers/multiply.ts'
import { q, residue } from '../../helpers/reference/curve.ts'
import { BE, fromLE, LE, range } from '../../helpers/reference/hash.ts'
import * as reference from '../../helpers/reference/rvole.ts'
import { seeded, type SeededRng } from '../../helpers/rng.ts'

const { bob, alice } = dealDirection(seeded('rvole'))
const sid = seeded('sid')(32)

const scalar = (rng: SeededRng) => residue(BE(rng(32)), q)

/** One run up to Alice's answer. */
function answered(rng: SeededRng, a: readonly [bigint, bigint] = [scalar(rng), scalar(rng)]) {
  const { r1, b, state } = bobStart(sha2, bob, sid, rng)
  const checked = aliceCheck(sha2, alice, sid, r1)!
  return { a, b, r1, state, ...aliceRespond(sha2, checked, a, rng) }
}

test('the messages have the sizes of the specification', () => {
  const { r1, r2 } = answered(seeded('sizes'))
  expect([r1.length, r2.length]).toEqual([2256, 40_032])
  expect([R1_BYTES, R2_BYTES]).toEqual([2256, 40_032])
})

test('c + d = a·b in a hundred random runs', () => {
  const rng = seeded('identity')
  for (const _ of range(100)) {
    const { a, b, c, state, r2 } = answered(rng)
    const finished = bobFinish(sha2, state, r2)
    if (!('d' in finished)) throw new Error(finished.fault)
    for (const i of [0, 1] as const) expect(residue(c[i] + finished.d[i], q)).toBe(residue(a[i] * b, q))
  }
})

test('c + d = a·b at the edges of the input', () => {
  const edges = [0n, 1n, q - 1n]
  for (const a of edges.flatMap((x) => edges.map((y) => [x, y] as const))) {
    const { b, c, state, r2 } = answered(seeded(`edge ${a[0]} ${a[1]}`), a)
    const finished = bobFinish(sha2, state, r2)
    if (!('d' in finished)) throw new Error(finished.fault)
    for (const i of [0, 1] as const) expect(residue(c[i] + finished.d[i], q)).toBe(residue(a[i] * b, q))
  }
})

test.each([
  ['none', 0],
  ['all', 255],
])('c + d = a·b when Bob chooses %s of the gadget', (_name, byte) => {
  const rng = seeded('choices')
  const constant = (n: number) => (n === 68 ? new Uint8Array(n).fill(byte) : rng(n))
  const { r1, b, state } = bobStart(sha2, bob, sid, constant)
  const { r2, c } = aliceRespond(sha2, aliceCheck(sha2, alice, sid, r1)!, [5n, q - 7n], rng)
  expect(b === 0n).toBe(byte === 0)
  expect(bobFinish(sha2, state, r2)).toEqual({ d: [residue(5n * b - c[0], q), residue(-7n * b - c[1], q)] })
})

test('each side interoperates with the reference, message by message', () => {
  for (const seed of range(2)) {
    const rng = seeded(`rvole reference ${seed}`)
    const replay = rng.fork('draws')
    const fast = bobStart(sha2, bob, sid, rng.fork('draws'))
    const slow = reference.bobStart(treesOfBob(bob), sid, { nb: replay(32), xPrime: replay(68) })
    expect({ r1: fast.r1, b: fast.b }).toEqual({ r1: slow.r1, b: slow.b })

    const a = [scalar(rng), scalar(rng)] as const
    const checked = reference.aliceCheck(treesOfAlice(alice), [...alice.punctured], sid, fast.r1)!
    const answers = rng.fork('answers')
    const slowAnswer = reference.aliceRespond(checked, a, { na: answers(32), aHat: BE(answers(32)) })
    const answer = aliceRespond(sha2, aliceCheck(sha2, alice, sid, slow.r1)!, a, rng.fork('answers'))
    expect(answer).toEqual(slowAnswer)
    expect(bobFinish(sha2, fast.state, slowAnswer.r2)).toEqual(reference.bobFinish(slow.state, answer.r2))
  }
})

test('S5 refuses a first message with one bit flipped in any field', () => {
  const { r1 } = bobStart(sha2, bob, sid, seeded('flip first'))
  expect(aliceCheck(sha2, alice, sid, r1)).toBeDefined()
  for (const byte of [0, 31, 32, 100, 2207, 2208, 2223, 2224, 2255]) {
    expect(aliceCheck(sha2, alice, sid, flipBit(r1, 8 * byte + 5))).toBeUndefined()
  }
  expect(aliceCheck(sha2, alice, flipBit(sid, 0), r1)).toBeUndefined()
})

test('S5 counts an exception inside the check as a failed check', () => {
  const { r1 } = bobStart(sha2, bob, sid, seeded('exception'))
  const sha256 = () => {
    throw new Error('out of memory')
  }
  expect(aliceCheck({ ...sha2, sha256 }, alice, sid, r1)).toBeUndefined()
})

test('S9 refuses scalars that are not below q', () => {
  const at = (offset: number, bytes: Uint8Array) => {
    const { state, r2 } = answered(seeded('canonical'))
    r2.set(bytes, offset)
    return bobFinish(sha2, state, r2)
  }
  const outOfRange = [q, 2n ** 256n - 1n]
  for (const x of outOfRange) {
    for (const offset of [32, 32 + 32 * 623, 32 + 32 * 1247]) {
      expect(at(offset, LE(x, 32))).toEqual({ fault: 'BAD_ENCODING' })
    }
    expect(at(39_968, LE(x, 32).reverse())).toEqual({ fault: 'BAD_ENCODING' })
  }
})

test('S10 refuses a second message with one bit flipped in any field', () => {
  for (const byte of [0, 31, 32, 20_000, 39_960, 39_999, 40_000, 40_031]) {
    const { state, r2 } = answered(seeded('flip second'))
    expect(bobFinish(sha2, state, flipBit(r2, 8 * byte))).toEqual({ fault: 'BAD_MULTIPLICATION' })
  }
})

test('S10 refuses the answer to another first message', () => {
  const { state } = answered(seeded('one'))
  expect(bobFinish(sha2, state, answered(seeded('another')).r2)).toEqual({ fault: 'BAD_MULTIPLICATION' })
})

test('each state answers once, also when the answer was refused', () => {
  const rng = seeded('once')
  const { r1, state } = bobStart(sha2, bob, sid, rng)
  const checked = aliceCheck(sha2, alice, sid, r1)!
  const { r2 } = aliceRespond(sha2, checked, [1n, 2n], rng)
  expect(() => aliceRespond(sha2, checked, [1n, 2n], rng)).toThrow(UsageError)

  expect(bobFinish(sha2, state, flipBit(r2, 0))).toEqual({ fault: 'BAD_MULTIPLICATION' })
  expect(() => bobFinish(sha2, state, r2)).toThrow(UsageError)
})

test('a message of another length is our own mistake, not a cheat', () => {
  expect(() => aliceCheck(sha2, alice, sid, new Uint8Array(R1_BYTES - 1))).toThrow(UsageError)
  const { state } = bobStart(sha2, bob, sid, seeded('length'))
  expect(() => bobFinish(sha2, state, new Uint8Array(R2_BYTES + 1))).toThrow(UsageError)
})

test('takes messages out of the middle of a larger buffer', () => {
  const rng = seeded('buffers')
  const inPool = (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]).subarray(3, -5)
  const { r1, state } = bobStart(sha2, bob, sid, rng)
  const { r2 } = aliceRespond(sha2, aliceCheck(sha2, alice, sid, inPool(r1))!, [3n, 4n], rng)
  expect(bobFinish(sha2, state, inPool(r2))).toHaveProperty('d')
})

describe('a repeated session id, with all other randomness repeated too', () => {
  const u = (r1: Uint8Array) => fromLE(r1.subarray(32, 100))
  const first = (r2: Uint8Array) => fromLE(r2.subarray(32, 64))
  /** Draws as `seed` says, but for the nonce, which is the first draw. */
  const withNonce = (seed: string, nonce: number) => {
    const rng = seeded(seed)
    let draws = 0
    return (n: number) => {
      const bytes = rng(n)
      return draws++ === 0 ? new Uint8Array(n).fill(nonce) : bytes
    }
  }

  test('Bob masks the same choices differently under another nonce', () => {
    const start = (nonce: number) => bobStart(sha2, bob, sid, withNonce('choices', nonce))
    const [one, two] = [start(1), start(2)]
    expect(u(one.r1)).not.toBe(u(two.r1))
    expect(one.b).not.toBe(two.b)
    expect(start(1).r1).toEqual(one.r1)
  })

  test('Alice masks the same inputs differently under another nonce, also for a replayed first message', () => {
    const { r1 } = bobStart(sha2, bob, sid, seeded('replayed'))
    const answer = (nonce: number, a0: bigint) =>
      first(aliceRespond(sha2, aliceCheck(sha2, alice, sid, r1)!, [a0, 9n], withNonce('answer', nonce)).r2)
    expect(residue(answer(1, 100n) - answer(1, 58n), q)).toBe(42n)
    expect(residue(answer(1, 100n) - answer(2, 58n), q)).not.toBe(42n)
    expect(answer(1, 100n)).not.toBe(answer(2, 100n))
  })
})
