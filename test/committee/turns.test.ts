import { setImmediate as turn } from 'node:timers/promises'
import { repeat } from '../../sigpair/src/committee/operations/post.ts'
import { openTurns } from '../../sigpair/src/committee/operations/turns.ts'

test('so many act at a time, whoever waits acts in order, and who fails leaves its turn to the next', async () => {
  const turns = openTurns(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  let acting = 0
  let most = 0
  const all = [0, 1, 2, 3, 4].map(async (number) =>
    turns(async () => {
      begun.push(number)
      most = Math.max(most, ++acting)
      await new Promise<void>((end) => void (ends[number] = end))
      acting--
      if (number === 1) throw new Error('it failed')
    }),
  )
  const settled = Promise.allSettled(all)
  for (let number = 0; number < 5; number++) {
    await turn()
    ends[number]!()
  }
  const outcomes = (await settled).map(({ status }) => status)
  expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})

test('what is said again is said more and more seldom, and no more when its time is over', async () => {
  let said = 0
  await repeat(() => void said++, { everyMs: 1, ms: 40, signal: new AbortController().signal })
  // at 0, 1, 2.5, 4.75, 8.1, 13.2, 20.8, 28.8, 36.8
  expect(said).toBe(9)
})
