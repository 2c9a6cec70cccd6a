import { openAlice, openBob, PPRF_BYTES, pprfReceive, pprfSend } from '../../../shared/ecdsa/src/multiply/pprf.ts'
import { bitOf, dealBaseOts, dealDirection, flipBit, sha2, treesOfAlice, treesOfBob } from '../../helpers/multiply.ts'
import { range } from '../../helpers/reference/hash.ts'
import * as reference from '../../helpers/reference/pprf.ts'
import { seeded } from '../../helpers/rng.ts'

const { pd, choices, bobKeys, aliceKeys, message, bobSeeds, aliceSeeds, bob, alice } = dealDirection(seeded('pprf'))
const receive = (tampered: Uint8Array) => pprfReceive(sha2, pd, choices, aliceKeys, tampered)

test('the message has 160 bytes for each of 32 trees', () => {
  expect(PPRF_BYTES).toBe(5120)
  expect(message.length).toBe(PPRF_BYTES)
})

test('stores 1 KiB for Bob, 2 KiB and the holes for Alice', () => {
  expect(bobSeeds.roots.length).toBe(1024)
  expect(aliceSeeds.coPath.length).toBe(2048)
  expect(aliceSeeds.punctured.length).toBe(32)
})

test('both sides agree with the reference, which works in order of y', () => {
  for (const seed of range(2)) {
    const rng = seeded(`pprf reference ${seed}`)
    const [name, base] = [rng(32), dealBaseOts(rng)]
    const sent = pprfSend(sha2, name, base.bobKeys)
    const slowSent = reference.pprfSend(name, base.bobKeys)
    expect(sent.message).toEqual(slowSent.message)
    expect(treesOfBob(openBob(sha2, name, sent.seeds))).toEqual(slowSent.leaves)

    const received = pprfReceive(sha2, name, base.choices, base.aliceKeys, sent.message)!
    const bits = range(128).map((i) => bitOf(base.choices, i))
    const slowReceived = reference.pprfReceive(name, bits, base.aliceKeys, slowSent.message)!
    expect([...received.punctured]).toEqual(slowReceived.punctured)
    expect(treesOfAlice(openAlice(sha2, name, received))).toEqual(slowReceived.leaves)
  }
})

test('Alice has every seed of Bob but one per tree, and zeros in its place', () => {
  const [all, known] = [treesOfBob(bob), treesOfAlice(alice)]
  for (const tau of range(32)) {
    const hole = alice.punctured[tau]!
    expect(known[tau]).toEqual(all[tau]!.with(hole, undefined))
    expect(alice.leaves.slice(256 * tau, 256 * tau + 16)).toEqual(new Uint8Array(16))
  }
})

test('every leaf can be the hole', () => {
  const rng = seeded('holes')
  const { bobKeys: keys } = dealBaseOts(rng)
  const { message: sent } = pprfSend(sha2, pd, keys)
  // c is the complement of the path to the hole, its first bit first.
  const bits = range(128).map((i) => 1 - (((Math.floor(i / 4) % 16) >> (3 - (i % 4))) & 1))
  const chosen = Uint8Array.from(range(16), (byte) => range(8).reduce((sum, b) => sum | (bits[8 * byte + b]! << b), 0))
  const mine = Uint8Array.from(bits.flatMap((c, i) => [...keys.subarray(16 * (2 * i + c), 16 * (2 * i + c + 1))]))

  expect([...pprfReceive(sha2, pd, chosen, mine, sent)!.punctured]).toEqual(range(32).map((tau) => tau % 16))
})

test('K12 refuses a message with a bit flipped in any field of the first or the last tree', () => {
  const fields = [...range(6).map((i) => 16 * i), 96, 128]
  // A correction that Alice does not use is not hers to check: one of each pair matters.
  const verdicts = [0, 31].map((tau) => fields.map((at) => receive(flipBit(message, 8 * (160 * tau + at) + 3))))
  for (const ofTree of verdicts) {
    const corrections = [0, 1, 2].map((i) => [ofTree[2 * i], ofTree[2 * i + 1]])
    for (const pair of corrections) expect(pair.filter((verdict) => verdict === undefined)).toHaveLength(1)
    expect(ofTree.slice(6)).toEqual([undefined, undefined])
  }
})

test('K12 refuses corrections made with other keys, other names and a swapped pair', () => {
  const other = seeded('other').fork('keys')(4096)
  expect(receive(pprfSend(sha2, pd, other).message)).toBeUndefined()
  expect(receive(pprfSend(sha2, flipBit(pd, 0), bobKeys).message)).toBeUndefined()
  expect(receive(Uint8Array.from([...message.subarray(160), ...message.subarray(0, 160)]))).toBeUndefined()
})

test('leaves the keys it was given as they were, also when they lie in a pool', () => {
  const pooled = Buffer.from(bobKeys)
  expect(pprfSend(sha2, pd, pooled).message).toEqual(message)
  expect(pooled.equals(bobKeys)).toBe(true)

  const stored = { roots: Buffer.from(bobSeeds.roots) }
  expect(openBob(sha2, pd, stored)).toEqual(openBob(sha2, pd, stored))
})
