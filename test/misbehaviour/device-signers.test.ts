import {
  broadcastPart,
  broadcastStatement,
  equivocators,
  rehearsalQuorums,
  type SignedBroadcast,
  toBytes32,
} from '@tandem/ecdsa'
import { type Message, type PartyIndex, partyIndex, UsageError } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenParties, signAs } from '../helpers/keygen.ts'
import { signingKeyOf, simulateRefresh } from '../helpers/refresh.ts'
import { simulateReshare } from '../helpers/reshare.ts'
import { messageOf, presignAll, type Setting, signAll } from '../helpers/signing.ts'
import { flip, OFFER, REPLY, write } from '../helpers/signing-fields.ts'
import { abortOf, outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

// A device (party 4) and two of three nodes sign, and one of them lies; and what a liar said is kept as evidence.

const backend = remembering(fast)
const shape = { threshold: 3, parties: 4, withDevice: true } as const
const FOUR = [1, 2, 3, 4].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex, PartyIndex]
const [alice, bob, carol, DEVICE] = FOUR
const run = (tamper?: Tamper) => simulate(keygenParties({ ...shape, backend }), { ...(tamper && { tamper }) })
const honest = await run()
const key = outputs(honest)
const pointOf = (k: bigint) => fast.encode(fast.mulBase(k))

describe('signing', () => {
  const signers = [alice, carol, DEVICE]
  const signingKey = { ...signingKeyOf(key), signers }
  const how = { message: messageOf(signedText('cheated').digest), assembler: 'all' as const }

  test('S13 a node that counts the device among those it interpolates over spoils the run, and nobody is named', async () => {
    const cheat = (party: PartyIndex, setting: Setting): Setting => {
      if (party !== carol) return setting
      const { withDevice: _, ...share } = setting.key.share
      return { ...setting, key: { ...setting.key, share } }
    }
    const sim = await presignAll(signingKey, { backend: fast, cheat })
    for (const party of [alice, DEVICE]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
    }
  })

  test('S5 a node that guesses at the device’s Δ is banned by the device, and the device by a node', async () => {
    for (const [liar, victim] of [
      [carol, DEVICE],
      [DEVICE, carol],
    ] as const) {
      const tamper: Tamper = (m) => (m.round === 1 && m.from === liar && m.to === victim ? flip(m.body, OFFER.u, 9) : m)
      const sim = await presignAll(signingKey, { backend: fast, tamper })
      expect(abortOf(sim, victim)).toMatchObject({ code: 'BAD_OT_CHECK', culprits: [liar], verdict: 'ban' })
    }
  })

  test('S11 S12 a device that multiplies by another share than it shows is named by both nodes', async () => {
    const tamper: Tamper = (m) => (m.round === 2 && m.from === DEVICE ? write(m.body, REPLY.pk, pointOf(7n)) : m)
    const sim = await presignAll(signingKey, { backend: fast, tamper })
    for (const party of [alice, carol]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'BAD_GAMMA', round: 2, culprits: [DEVICE] })
    }
  })

  test('S28 a wrong ψ of the device spoils the signature and accuses nobody', async () => {
    const tamper: Tamper = (m) => (m.round === 2 && m.from === DEVICE ? write(m.body, REPLY.psi, toBytes32(5n)) : m)
    const sim = await signAll(signingKey, how, { backend: fast, tamper })
    for (const party of [alice, carol]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 3, culprits: [] })
    }
  })
})

test('a zero seed that device and node hold differently is found by the quorums in which that node is', async () => {
  // the first byte of its half, after salt, point, chain code and proof
  const tamper: Tamper = (m) =>
    m.round === 2 && m.from === DEVICE && m.to === carol ? m.body.with(162, m.body[162]! ^ 1) : m
  const stages = outputs(await run(tamper))
  for (const signers of rehearsalQuorums(shape)) {
    const sim = await presignAll({ ...signingKeyOf(stages), signers }, { backend: fast })
    if (!signers.includes(carol)) expect(outputs(sim)).toHaveLength(3)
    else expect(abortOf(sim, DEVICE)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
  }
})

describe('what everybody must be sent alike', () => {
  const partOf = ({ from, body, protocol, round, sid, epoch }: Message) =>
    broadcastPart({ protocol, round, sid, epoch }, body, shape, from)

  test('is the same for nodes and device in every round, and holds nothing that is for one alone', async () => {
    const renewing = await simulateRefresh(key, { backend })
    const moving = await simulateReshare(key, { dealers: [1, 2], members: [1, 2, 3, 4], threshold: 3 }, { backend })
    for (const sim of [honest, renewing, moving]) {
      const said = Map.groupBy(sentBy(sim as Simulation<unknown>), ({ round, from }) => `${round} ${from}`)
      expect(said.size).toBe(4 * 4)
      for (const messages of said.values()) {
        expect(new Set(messages.map((m) => Buffer.from(partOf(m)).toString('hex'))).size).toBe(1)
      }
    }
    expect(() =>
      broadcastPart({ protocol: 'keygen', round: 2, sid: sentBy(honest)[0]!.sid, epoch: 0 }, new Uint8Array(), shape),
    ).toThrow(UsageError)
  })

  test('names a device that committed differently to two nodes', async () => {
    const got: Message[] = []
    await run((m) => {
      const body = m.round === 1 && m.from === DEVICE && m.to === alice ? m.body.with(40, m.body[40]! ^ 1) : m.body
      got.push({ ...m, body })
      return body
    })
    const heardBy = (party: PartyIndex): SignedBroadcast[] =>
      got
        .filter(({ to, round }) => to === party && round === 1)
        .map((m) => {
          const { from, protocol, round, sid, epoch } = m
          const unsigned = { header: { protocol, round, sid, epoch }, from, part: partOf(m) }
          return { ...unsigned, signature: signAs(from)(broadcastStatement(fast, unsigned)) }
        })
    const identities = FOUR.map(identityOf)
    expect(equivocators(fast, identities, heardBy(alice), heardBy(bob))).toEqual([DEVICE])
    expect(equivocators(fast, identities, heardBy(bob), heardBy(carol))).toEqual([])
  })
})
