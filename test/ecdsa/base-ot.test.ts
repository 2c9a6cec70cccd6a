import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type Backend, toBytes32 } from '@tandem/ecdsa'
import { partyIndex, type Protocol, type Rng, SUITE } from '@tandem/rounds'
import { concat, le16 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import {
  BASE_OT_REPLY_BYTES,
  type BaseOtReceiver,
  type BaseOtSender,
  baseOtFinish,
  baseOtReply,
  baseOtStart,
} from '../../shared/ecdsa/src/multiply/base-ot.ts'
import { backends, fast } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'

const pd = seeded('pd')(32)
const peer = partyIndex(2)
const run = (backend: Backend = fast) => ({ backend, pd, peer, ephemeral: [] as Uint8Array[] })

const sender = baseOtStart(fast, seeded('sender'))
const receiver = drain(baseOtReply(run(), sender.abot, seeded('receiver')))
const keysOfSender = drain(baseOtFinish(run(), sender, receiver.reply))

const reply = (abot: Uint8Array, rng: Rng = seeded('receiver')) => drain(baseOtReply(run(), abot, rng))
const finish = (answer: Uint8Array, mine: BaseOtSender = sender) => drain(baseOtFinish(run(), mine, answer))
const choice = ({ choices }: BaseOtReceiver, i: number) => (choices[i >> 3]! >> (i & 7)) & 1
const keyOf = (keys: Uint8Array, i: number) => Buffer.from(keys.slice(16 * i, 16 * i + 16)).toString('hex')
const both = (keys: Uint8Array, i: number) => [keyOf(keys, 2 * i), keyOf(keys, 2 * i + 1)] as const
const indices = Array.from({ length: 128 }, (_, i) => i)

test('of the two keys of every OT the receiver has the one it chose, and not the other', () => {
  for (const i of indices) {
    const keys = both(keysOfSender, i)
    const c = choice(receiver, i)
    expect(keyOf(receiver.keys, i)).toBe(keys[c])
    expect(keyOf(receiver.keys, i)).not.toBe(keys[1 - c])
  }
})

test('no key comes twice', () => {
  expect(new Set(indices.flatMap((i) => both(keysOfSender, i))).size).toBe(256)
})

test('the choices are the generator’s bits, about half of them set', () => {
  const ones = indices.filter((i) => choice(receiver, i) === 1).length
  expect(ones).toBeGreaterThan(32)
  expect(ones).toBeLessThan(96)
})

test.each(backends)('says the same on $name', (backend) => {
  const mine = baseOtStart(backend, seeded('sender'))
  expect(mine).toEqual(sender)
  expect(drain(baseOtReply(run(backend), mine.abot, seeded('receiver')))).toEqual(receiver)
})

test('takes turns with the event loop', () => {
  const steps: string[] = []
  drain(baseOtReply(run(), sender.abot, seeded('receiver')), steps)
  drain(baseOtFinish(run(), sender, receiver.reply), steps)
  expect(steps).toEqual(new Array<string>(32).fill('pause'))
})

test('leaves its secrets with the caller, to be overwritten', () => {
  const mine = run()
  const { choices, keys } = drain(baseOtReply(mine, sender.abot, seeded('receiver')))
  expect(mine.ephemeral).toEqual([choices, keys])
})

describe('what the receiver sends shows nothing of its choice (#12)', () => {
  test('both S_0 and S_1 are always group elements, under either sign', () => {
    const points = indices.flatMap((i) => [pointAt(receiver.reply, i, 0), pointAt(receiver.reply, i, 1)])
    for (const point of points) expect(() => secp256k1.Point.fromBytes(point)).not.toThrow()
    for (const which of [0, 1] as const) {
      const even = indices.filter((i) => pointAt(receiver.reply, i, which)[0] === 2).length
      expect(even).toBeGreaterThan(32)
      expect(even).toBeLessThan(96)
    }
  })

  test('the element not chosen has a logarithm the receiver does not know: it is not b·G of any b it drew', () => {
    const drawn: Uint8Array[] = []
    const rng = seeded('receiver')
    const { reply: answer } = reply(sender.abot, (n) => {
      const bytes = rng(n)
      drawn.push(bytes.slice())
      return bytes
    })
    const multiples = new Set(
      drawn
        .filter((bytes) => bytes.length === 32)
        .map((b) => Buffer.from(secp256k1.getPublicKey(b, true)).subarray(1).toString('hex')),
    )
    for (const i of indices) {
      for (const which of [0, 1] as const) {
        expect(
          multiples.has(
            Buffer.from(pointAt(answer, i, which))
              .subarray(1)
              .toString('hex'),
          ),
        ).toBe(false)
      }
    }
  })
})

describe('every key depends on', () => {
  const differsEverywhere = (other: Uint8Array) => {
    for (const i of indices) {
      expect(both(other, i)[0]).not.toBe(both(keysOfSender, i)[0])
      expect(both(other, i)[1]).not.toBe(both(keysOfSender, i)[1])
    }
  }

  test('the sender’s secret a, with everything public unchanged', () => {
    differsEverywhere(finish(receiver.reply, { a: toBytes32(12345n), abot: sender.abot }))
  })

  test('Abot', () => {
    differsEverywhere(finish(receiver.reply, { a: sender.a, abot: baseOtStart(fast, seeded('other')).abot }))
  })

  test('the direction and the run', () => {
    const elsewhere = { ...run(), pd: seeded('another pd')(32) }
    differsEverywhere(drain(baseOtFinish(elsewhere, sender, receiver.reply)))
  })

  test('the index of the OT: the same messages elsewhere give other keys', () => {
    const moved = receiver.reply.slice()
    moved.copyWithin(66, 0, 66)
    const keys = finish(moved)
    expect(both(keys, 1)).not.toEqual(both(keysOfSender, 0))
    expect(new Set([...both(keys, 1), ...both(keys, 0)]).size).toBe(4)
  })

  test('both messages, whichever was chosen', () => {
    const i = 5
    const changed = receiver.reply.slice()
    changed.set(pointAt(receiver.reply, 6, 0), i * 66 + 33 * (1 - choice(receiver, i)))
    expect(both(finish(changed), i)).not.toContain(keyOf(receiver.keys, i))
  })
})

describe('K11', () => {
  const x = pointAt(receiver.reply, 0, 0).slice(1)
  const bad: Record<string, Uint8Array> = {
    'a point off the curve': Uint8Array.of(2, ...toBytes32(5n)),
    'x ≥ p': Uint8Array.of(2, ...new Uint8Array(32).fill(0xff)),
    'a hybrid prefix': Uint8Array.of(6, ...x),
    zeros: new Uint8Array(33),
  }

  for (const [name, point] of Object.entries(bad)) {
    test(`K11 the receiver refuses ${name} as Abot, and names the sender`, () => {
      expect(() => reply(point)).toThrow(expect.objectContaining({ code: 'BAD_BASE_OT', round: 1, culprits: [peer] }))
    })

    test(`K11 the sender refuses ${name} in the first, a middle and the last place`, () => {
      for (const at of [0, 33, 33 * 77, BASE_OT_REPLY_BYTES - 33]) {
        const answer = receiver.reply.slice()
        answer.set(point, at)
        expect(() => finish(answer)).toThrow(
          expect.objectContaining({ code: 'BAD_BASE_OT', round: 2, culprits: [peer], verdict: 'strike' }),
        )
      }
    })
  }

  test('K11 the receiver refuses the 65-byte form of Abot', () => {
    const long = secp256k1.Point.fromBytes(sender.abot).toBytes(false)
    expect(() => reply(long)).toThrow(expect.objectContaining({ code: 'BAD_BASE_OT' }))
  })

  test('K11 the sender refuses an S that cancels its mask, so that the key would not depend on a', () => {
    for (const b of [0, 1] as const) {
      const other = pointAt(receiver.reply, 3, b === 0 ? 1 : 0)
      const message = TH(fast, 'bot/popf', pd, sender.abot, le16(3), Uint8Array.of(b), other)
      const mask = fast.hashToCurve(message, `${SUITE}-POPF-secp256k1_XMD:SHA-256_SSWU_RO_`)
      const answer = receiver.reply.slice()
      answer.set(fast.encode(fast.negate(mask)), 3 * 66 + 33 * b)
      expect(() => finish(answer)).toThrow(expect.objectContaining({ code: 'BAD_BASE_OT', round: 2, culprits: [peer] }))
    }
  })
})

test('the receiver draws again if its element is the identity', () => {
  let spoiled = 0
  const unlucky: Backend = {
    ...fast,
    isIdentity: (P) => spoiled++ === 0 || fast.isIdentity(P),
  }
  const { reply: answer, keys } = drain(baseOtReply(run(unlucky), sender.abot, seeded('receiver')))
  expect(keyOf(keys, 0)).not.toBe(keyOf(receiver.keys, 0))
  expect(both(finish(answer), 0)).toContain(keyOf(keys, 0))
})

test('an answer is 8448 bytes: 128 pairs of points', () => {
  expect([receiver.reply.length, BASE_OT_REPLY_BYTES]).toEqual([8448, 8448])
  expect(concat(receiver.keys, receiver.choices)).toHaveLength(128 * 16 + 16)
})

function pointAt(answer: Uint8Array, i: number, which: 0 | 1): Uint8Array {
  return answer.slice(66 * i + 33 * which, 66 * i + 33 * which + 33)
}

/** A protocol that talks to nobody. */
function drain<T>(protocol: Protocol<T>, steps: string[] = []): T {
  for (;;) {
    const step = protocol.next(new Map())
    if (step.done) return step.value
    steps.push(step.value.step)
  }
}
