import { fromBytesBE, presign, type Presignature, q, toBytes32 } from '@tandem/ecdsa'
import {
  exchange,
  type Exchange,
  type Inbox,
  partyIndex,
  type Protocol,
  ProtocolAbort,
  sessionId,
} from '@tandem/rounds'
import { fast as backend } from '../helpers/backends.ts'
import { dealtThresholdKey } from '../helpers/dealt-key.ts'
import { basisAt } from '../helpers/reference/shamir.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, type Setting, signAll } from '../helpers/signing.ts'
import { flip, OFFER, read, REPLY, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, simulate, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

// Three of five sign: what one of them can try against two who are honest, and what those who do not sign can.

const dealt = dealtThresholdKey(backend, 3, 5, seeded('signers'))
const signers = [1, 3, 4].map(partyIndex)
const [first, second, liar] = signers as [(typeof signers)[0], (typeof signers)[0], (typeof signers)[0]]
const key = { ...dealt, signers }
const message = messageOf(signedText('signers').digest)
const both = { code: 'ECHO_MISMATCH', round: 2, culprits: [], verdict: 'retry' }

test('S6 who commits to one only after it read what the other opened is found before anything depends on it (#41)', async () => {
  const session = { sigid: sessionId(seeded('late')(32)), signers }
  const parties = signers.map((party): [typeof party, Protocol<Presignature>] => {
    const protocol = presign(session, dealt.keys.get(party)!, { backend, rng: seeded('late').fork(party) })
    return [party, party === liar ? commitsLate(protocol) : protocol]
  })
  const sim = await simulate(new Map(parties))
  for (const party of [first, second]) expect(abortOf(sim, party)).toMatchObject(both)

  const order = sentBy(sim).map(({ from, to, round }) => `${round}: ${from}→${to}`)
  expect(order.indexOf(`1: ${liar}→${second}`)).toBeGreaterThan(order.indexOf(`2: ${first}→${liar}`))
  expect(order.filter((step) => step.startsWith('3'))).toEqual([])
})

test('S13 a signer that counts itself with the weight of another quorum spoils the run, and nobody can say who did', async () => {
  const cheat = (party: number, honest: Setting): Setting => {
    if (party !== liar) return honest
    const { share } = honest.key
    // the weight of party 4 in {1, 3, 4} is 1, so this is its share as {1, 2, 4} would count it
    const secret = toBytes32((basisAt(4, [1, 2, 4], 0) * fromBytesBE(share.secret)) % q)
    return { ...honest, key: { ...honest.key, share: { ...share, secret } } }
  }
  expect(basisAt(4, [1, 3, 4], 0)).toBe(1n)
  const sim = await presignAll(key, { backend, cheat })
  for (const party of signers) {
    expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
  }
})

test.each([
  ['one honest signer', [1]],
  ['both, differently', [1, 3]],
])('S28 a wrong ψ to %s spoils the signature and accuses nobody (#27)', async (_, victims) => {
  const tamper: Tamper = (m) => {
    if (m.round !== 2 || m.from !== liar || !victims.includes(m.to)) return m
    return write(m.body, REPLY.psi, toBytes32((fromBytesBE(read(m.body, REPLY.psi)) + BigInt(m.to)) % q))
  }
  const sim = await signAll(key, { message, assembler: 'all' }, { backend, tamper })
  for (const party of [first, second]) {
    expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 3, culprits: [], verdict: 'retry' })
  }
})

test('S5 a guess at Δ is answered by the ban of its author alone, by the one it guessed at', async () => {
  const tamper: Tamper = (m) => (m.round === 1 && m.from === liar && m.to === first ? flip(m.body, OFFER.u, 9) : m)
  const sim = await presignAll(key, { backend, tamper })
  expect(abortOf(sim, first)).toMatchObject({ code: 'BAD_OT_CHECK', round: 1, culprits: [liar], verdict: 'ban' })
  expect(abortOf(sim, second)).toMatchObject({ code: 'SILENT_PEER', round: 2, verdict: 'retry' })
  const opened = sim.events.filter((event) => event.party === first && 'recorded' in event)
  expect(opened).toMatchObject([
    { recorded: { entry: 'open', peer: second } },
    { recorded: { entry: 'pass', peer: second } },
    { recorded: { entry: 'open', peer: liar } },
  ])
})

test('after a ban the others sign without its author', async () => {
  const others = { ...dealt, signers: [1, 2, 3].map(partyIndex) }
  const [signature] = outputs(await signAll(others, { message, assembler: 'all' }, { backend }))
  expect(backend.verify(signature!.compact, message.digest, dealt.keys.get(first)!.share.publicKey)).toBe(true)
})

test('K16 a party that does not sign is heard by nobody', async () => {
  const stranger = partyIndex(2)
  const tamper: Tamper = (m) => (m.round === 1 && m.from === liar && m.to === first ? { ...m, from: stranger } : m)
  expect(abortOf(await presignAll(key, { backend, tamper }), first)).toMatchObject({ code: 'MISMATCH', culprits: [] })
})

/** Round 1 to the first signer alone, then wait for its round 2, and only then another round 1 to the second. */
function* commitsLate(honest: Protocol<Presignature>): Protocol<Presignature> {
  const offer = nextExchange(honest, new Map())
  const toFirst = new Map([...offer.send].filter(([to]) => to === first))
  const offered = yield* exchange(offer.header, liar, toFirst, offer.expect)

  const answer = nextExchange(honest, offered)
  const fromFirst = new Map([...answer.expect].filter(([from]) => from === first))
  yield* exchange(answer.header, liar, new Map(), fromFirst)

  const late = flip(offer.send.get(second)!, OFFER.commitment, 0)
  yield* exchange(offer.header, liar, new Map([[second, late]]), new Map())
  yield* exchange(answer.header, liar, answer.send, new Map())
  throw new ProtocolAbort('CANCELLED', 2)
}

/** Everything is durable at once. */
function nextExchange(protocol: Protocol<Presignature>, inbox: Inbox): Exchange {
  let step = protocol.next(inbox)
  while (!step.done && step.value.step !== 'exchange') step = protocol.next(new Map())
  if (step.done) throw new Error('the run was over')
  return step.value as Exchange
}
