import type { SignedMessage } from '../../sigpair/src/committee/operations/evidence.ts'
import { openEarly, openInbox } from '../../sigpair/src/committee/operations/inbox.ts'
import { openSessions } from '../../sigpair/src/committee/operations/sessions.ts'
import { ask, keyIdOf } from './committee-world.ts'

const { signal } = new AbortController()
const numbered = (round: number, bytes = 0) =>
  ({ message: { round, body: new Uint8Array(bytes) } }) as unknown as SignedMessage

test('an inbox keeps what comes early in order, and no more than a peer may be ahead', async () => {
  const inbox = openInbox(openEarly())
  for (let round = 1; round <= 40; round++) inbox.deliver('a', numbered(round))
  const rounds: number[] = []
  for (let n = 1; n <= 16; n++) rounds.push((await inbox.receive('a', signal)).message.round)
  expect(rounds).toEqual(Array.from({ length: 16 }, (_, at) => at + 1))
  await expect(inbox.receive('a', AbortSignal.abort())).rejects.toThrow('given up')
})

test('what one peer has us keep is bounded over all sessions, costs no other peer anything, and ends with the session', async () => {
  const early = openEarly()
  const inboxes = Array.from({ length: 10 }, () => openInbox(early))
  for (const inbox of inboxes) for (let n = 0; n < 16; n++) inbox.deliver('a', numbered(n, 1024 * 1024))
  const [first, second, third] = inboxes as [(typeof inboxes)[0], (typeof inboxes)[0], (typeof inboxes)[0]]
  third.deliver('b', numbered(7))
  expect((await third.receive('b', signal)).message.round).toBe(7)
  expect((await second.receive('a', signal)).message.round).toBe(0)
  await expect(third.receive('a', AbortSignal.abort())).rejects.toThrow('given up')

  first.close()
  third.deliver('a', numbered(1, 16 * 1024 * 1024))
  expect((await third.receive('a', signal)).message.round).toBe(1)
})

test('who has more sessions open than it may is not answered, and the others are', () => {
  const sessions = openSessions(() => 0)
  const request = ask({ clock: { ms: 0 } }, 'keyRefresh', { keyId: keyIdOf('a') })
  const open = (id: number, coordinator: string) => sessions.open({ id: `${id}`, request, coordinator })
  let opened = 0
  while (open(opened, 'a')) opened++
  expect(opened).toBe(512)
  expect(open(1_000, 'b')).toBeDefined()
  sessions.end('0')
  expect(open(1_001, 'a')).toBeDefined()
  expect(open(1_002, 'a')).toBeUndefined()
})
