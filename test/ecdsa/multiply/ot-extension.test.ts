import { bytesOf } from '../../../shared/ecdsa/src/multiply/bits.ts'
import { BATCH } from '../../../shared/ecdsa/src/multiply/gf128.ts'
import {
  CHOICE_BYTES,
  type Extension,
  extendAsAlice,
  extendAsBob,
} from '../../../shared/ecdsa/src/multiply/ot-extension.ts'
import { TREES } from '../../../shared/ecdsa/src/multiply/pprf.ts'
import { DEPTH, LEAVES } from '../../../shared/ecdsa/src/multiply/tree.ts'
import { bitOf, dealDirection, flipBit, sha2, treesOfAlice, treesOfBob } from '../../helpers/multiply.ts'
import { fromLE, range } from '../../helpers/reference/hash.ts'
import * as reference from '../../helpers/reference/ot-extension.ts'
import { seeded } from '../../helpers/rng.ts'

const rng = seeded('extension')
const { bob, alice } = dealDirection(rng)

const columnsOf = (words: Int32Array) =>
  range(words.length / 4).map((p) => fromLE(bytesOf(words).subarray(16 * p, 16 * p + 16)))

test('the parameters are those the security argument needs', () => {
  expect({ rows: TREES * DEPTH, leaves: LEAVES, batch: BATCH, rowBits: 8 * CHOICE_BYTES }).toEqual({
    rows: 128,
    leaves: 16,
    batch: 416,
    rowBits: 544,
  })
})

test.each([
  ['random', rng(CHOICE_BYTES)],
  ['zero', new Uint8Array(CHOICE_BYTES)],
  ['all one', new Uint8Array(CHOICE_BYTES).fill(255)],
])('Alice gets t or t ⊕ Δ as Bob chooses, for choices %s', (_name, choices) => {
  const s1 = rng(32)
  const sent = extendAsBob(sha2, bob, s1, choices)
  const received = extendAsAlice(sha2, alice, s1, sent.message)!

  const delta = fromLE(bytesOf(received.delta))
  const [t, qs] = [columnsOf(sent.columns), columnsOf(received.columns)]
  expect(qs).toEqual(t.map((column, p) => (bitOf(choices, p) === 1 ? column ^ delta : column)))
  expect(delta).toBe(range(32).reduce((sum, tau) => sum | (BigInt(alice.punctured[tau]!) << BigInt(4 * tau)), 0n))
})

test('message, columns and Δ are those of the reference, which checks on rows', () => {
  for (const seed of range(2)) {
    const draw = seeded(`extension reference ${seed}`)
    const direction = dealDirection(draw)
    const [s1, choices] = [draw(32), draw(CHOICE_BYTES)]
    const fast = extendAsBob(sha2, direction.bob, s1, choices)
    const slow = reference.extendAsBob(treesOfBob(direction.bob), s1, fromLE(choices))
    expect(fast.message).toEqual(slow.message)
    expect(columnsOf(fast.columns)).toEqual(slow.columns)

    const { punctured } = direction.alice
    const checked = extendAsAlice(sha2, direction.alice, s1, slow.message)!
    const slowChecked = reference.extendAsAlice(treesOfAlice(direction.alice), [...punctured], s1, fast.message)!
    expect(columnsOf(checked.columns)).toEqual(slowChecked.columns)
    expect(fromLE(bytesOf(checked.delta))).toBe(slowChecked.delta)
  }
})

test('S5 refuses a message with a bit flipped in u, x̃ or h', () => {
  const s1 = rng(32)
  const { message } = extendAsBob(sha2, bob, s1, rng(CHOICE_BYTES))
  const check = (tampered: Partial<Extension>) => extendAsAlice(sha2, alice, s1, { ...message, ...tampered })

  expect(check({})).toBeDefined()
  for (const at of [0, 543, 544, 17_000, 17_407]) expect(check({ u: flipBit(message.u, at) })).toBeUndefined()
  for (const at of [0, 127]) expect(check({ xTilde: flipBit(message.xTilde, at) })).toBeUndefined()
  for (const at of [0, 255]) expect(check({ h: flipBit(message.h, at) })).toBeUndefined()
})

test('S5 refuses a message made for another context', () => {
  const { message } = extendAsBob(sha2, bob, rng(32), rng(CHOICE_BYTES))
  expect(extendAsAlice(sha2, alice, rng(32), message)).toBeUndefined()
})
