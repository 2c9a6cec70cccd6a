import { aliceCheck, aliceRespond, bobFinish, bobStart } from '../../../shared/ecdsa/src/multiply/rvole.ts'
import { guessingStart, inputsGivenDelta, recoverPuncture } from '../../helpers/cheats.ts'
import { bitOf, dealDirection, sha2, treesOfAlice, treesOfBob } from '../../helpers/multiply.ts'
import { range } from '../../helpers/reference/hash.ts'
import * as reference from '../../helpers/reference/rvole.ts'
import { seeded } from '../../helpers/rng.ts'

const rng = seeded('cheats')
const { bob, alice } = dealDirection(rng)

test('S5 passes a Bob who tampers with one tree exactly when he guessed the hole', () => {
  for (const tree of [0, 31]) {
    const hole = alice.punctured[tree]!
    for (const guess of [hole, hole ^ 1, 15 - hole]) {
      const sid = rng(32)
      const { r1 } = guessingStart(bob, sid, rng, { tree, guess })
      expect(aliceCheck(sha2, alice, sid, r1) !== undefined).toBe(guess === hole)
    }
  }
})

test('without a ban, a Bob who keeps guessing finds the hole of a tree within sixteen sessions', () => {
  for (const tree of [28]) {
    let sessions = 0
    const found = recoverPuncture((guess) => {
      sessions++
      const sid = rng(32)
      return aliceCheck(sha2, alice, sid, guessingStart(bob, sid, rng, { tree, guess }).r1) !== undefined
    })
    expect(found).toBe(alice.punctured[tree])
    expect(sessions).toBeLessThanOrEqual(16)
  }
})

test('whoever has Δ reads both inputs of Alice from an honest transcript', () => {
  const sid = rng(32)
  const { r1, state } = reference.bobStart(treesOfBob(bob), sid, { nb: rng(32), xPrime: rng(68) })
  const secrets = [123_456_789n, 987_654_321n] as const
  const { r2 } = aliceRespond(sha2, aliceCheck(sha2, alice, sid, r1)!, secrets, rng)

  expect(inputsGivenDelta(state, r2, [...alice.punctured])).toEqual(secrets)
  expect(inputsGivenDelta(state, r2, [...alice.punctured].with(0, alice.punctured[0]! ^ 1))).not.toEqual(secrets)
})

test('S10 catches an Alice who changes row j exactly when Bob chose there', () => {
  const verdicts = range(10).map((run) => {
    const j = (run * 61) % 416
    const sid = rng(32)
    const draws = seeded(`selective ${run}`)
    const { r1, state } = bobStart(sha2, bob, sid, draws)
    const checked = reference.aliceCheck(treesOfAlice(alice), [...alice.punctured], sid, r1)!
    const shift = (row: number) => (row === j ? ([1n, 0n] as const) : ([0n, 0n] as const))
    const { r2 } = reference.aliceRespond(checked, [11n, 13n], { na: rng(32), aHat: 17n }, shift)

    const replay = seeded(`selective ${run}`)
    replay(32)
    const chosen = bitOf(replay(68), j) === 1
    expect('d' in bobFinish(sha2, state, r2)).toBe(!chosen)
    return chosen
  })
  expect(new Set(verdicts).size).toBe(2)
})
