import { chooseQuorum } from '../../sigpair/src/committee/operations/quorum.ts'

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
