import { chooseQuorum } from '../../sigpair/src/committee/operations/quorum.ts'
import { openInbox } from '../../sigpair/src/committee/operations/inbox.ts'
import type { SignedMessage } from '../../sigpair/src/committee/operations/evidence.ts'

const MEMBERS = ['a', 'b', 'c', 'd', 'e']

/** Everybody's pairs work but these. */
const readyBut = (names: readonly string[], ...broken: readonly string[]) =>
  new Map(
    names.map((name) => {
      const pairs = MEMBERS.filter(
        (peer) => peer !== name && !broken.includes(name + peer) && !broken.includes(peer + name),
      )
      return [name, { pairs }]
    }),
  )

test('a quorum is of those that are ready, ourselves among them, in the order of the members', () => {
  expect(chooseQuorum(MEMBERS, 3, readyBut(['e', 'd', 'b', 'c']), 'c')).toEqual(['c', 'd', 'e'])
})

test('no two of a quorum have a broken pair, whatever the first choice was', () => {
  expect(chooseQuorum(MEMBERS, 3, readyBut(MEMBERS, 'ab', 'ac', 'ad'), 'a')).toEqual(['b', 'c', 'd'])
  expect(chooseQuorum(MEMBERS, 3, readyBut(MEMBERS, 'bc'), 'a')).toEqual(['a', 'b', 'd'])
})

test('one word is enough for a broken pair', () => {
  const ready = new Map([
    ['a', { pairs: ['b'] }],
    ['b', { pairs: [] }],
  ])
  expect(chooseQuorum(['a', 'b'], 2, ready, 'a')).toBeUndefined()
})

test('where there are no t, there is no quorum', () => {
  expect(chooseQuorum(MEMBERS, 3, readyBut(['a', 'b']), 'a')).toBeUndefined()
  expect(chooseQuorum(MEMBERS, 3, new Map(), 'a')).toBeUndefined()
})

test('an inbox keeps what comes early in order, and no more than a peer may be ahead', async () => {
  const inbox = openInbox()
  const { signal } = new AbortController()
  const numbered = (round: number) => ({ message: { round } }) as unknown as SignedMessage
  for (let round = 1; round <= 40; round++) inbox.deliver('a', numbered(round))
  const rounds: number[] = []
  for (let n = 1; n <= 16; n++) rounds.push((await inbox.receive('a', signal)).message.round)
  expect(rounds).toEqual(Array.from({ length: 16 }, (_, at) => at + 1))
  await expect(inbox.receive('a', AbortSignal.abort())).rejects.toThrow('given up')
})
