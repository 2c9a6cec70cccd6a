import { type Message, type PartyIndex, partyIndex, ProtocolAbort, sessionId } from '@tandem/rounds'
import { presign } from '../../shared/ecdsa/src/signing/presign.ts'
import { fast as backend } from '../helpers/backends.ts'
import { type DealtKey, dealtKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, sentBy, type Simulation, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

const two = dealtKey(backend, 2, seeded('delivery'))
const three = dealtKey(backend, 3, seeded('delivery of three'))
const message = messageOf(signedText('delivery').digest)
const SERVER = partyIndex(2)

const signWith = (tamper: Tamper, seed?: string) =>
  signAll(two, { message, assembler: SERVER }, { backend, tamper, ...(seed === undefined ? {} : { seed }) })

/** Party 1's message of this round, replaced. */
const replace = (round: number, by: (sent: Message) => ReturnType<Tamper>): Tamper => {
  return (sent) => (sent.round === round && sent.from === 1 ? by(sent) : sent)
}

function recordedBy<Out>({ events }: Simulation<Out>, party: number): unknown[] {
  return events.flatMap((event) => (event.party === party && 'recorded' in event ? event.recorded.entry : []))
}

describe.each([1, 2, 3])('round %i', (round) => {
  test.each([
    ['one byte short', (body: Uint8Array) => body.slice(0, -1)],
    ['one byte long', (body: Uint8Array) => Uint8Array.from([...body, 0])],
    ['empty', () => new Uint8Array()],
  ])('S4 %s is malformed before anything of it is read', async (_name, edit) => {
    const simulation = await signWith(replace(round, ({ body }) => edit(body)))
    expect(abortOf(simulation, 2)).toMatchObject({ code: 'MALFORMED', round, culprits: [1], verdict: 'retry' })
    expect(recordedBy(simulation, 2)).toEqual(round === 1 ? [] : ['open', 'pass'])
  })

  test('and silence from there on: the round and the silent party are named', async () => {
    const simulation = await signWith((sent) => (sent.round >= round && sent.from === 1 ? undefined : sent))
    expect(abortOf(simulation, 2)).toMatchObject({ code: 'SILENT_PEER', round, culprits: [1], verdict: 'retry' })
  })

  test.each([
    ['another run', (sent: Message) => ({ ...sent, sid: sessionId(seeded('other')(32)) })],
    ['another epoch', (sent: Message) => ({ ...sent, epoch: sent.epoch + 1 })],
    ['another round', (sent: Message) => ({ ...sent, round: sent.round + 1 })],
    ['another protocol', (sent: Message) => ({ ...sent, protocol: 'presign' as const })],
    ['another sender', (sent: Message) => ({ ...sent, from: partyIndex(3) })],
    ['another recipient', (sent: Message) => ({ ...sent, to: partyIndex(1) })],
  ])('with the header of %s accuses nobody', async (_name, by) => {
    const simulation = await signWith(replace(round, by))
    expect(abortOf(simulation, 2)).toMatchObject({ code: 'MISMATCH', round, culprits: [], verdict: 'retry' })
    expect(recordedBy(simulation, 2)).toEqual(round === 1 ? [] : ['open', 'pass'])
  })

  test('of an earlier run is refused', async () => {
    const earlier = sentBy(await signWith((sent) => sent, 'earlier')).find((m) => m.round === round && m.from === 1)!
    const asIs = await signWith(replace(round, () => earlier))
    expect(abortOf(asIs, 2)).toMatchObject({ code: 'MISMATCH', verdict: 'retry' })

    const reframed = await signWith(replace(round, () => earlier.body))
    const code = round === 1 ? 'BAD_OT_CHECK' : 'ECHO_MISMATCH'
    expect(abortOf(reframed, 2)).toMatchObject({ code, round })
  })

  test("is not the victim's own message mirrored", async () => {
    const reference = sentBy(await signAll(two, { message, assembler: 'all' }, { backend }))
    const own = reference.find((m) => m.round === round && m.from === 2)!
    const asIs = await signWith(replace(round, () => own))
    expect(abortOf(asIs, 2)).toMatchObject({ code: 'MISMATCH', culprits: [] })

    const reframed = await signWith(replace(round, () => own.body))
    expect(abortOf(reframed, 2)).toMatchObject({ code: round === 3 ? 'UNATTRIBUTED' : 'MISMATCH', culprits: [] })
  })
})

test('a message that comes twice is not taken for the next one', async () => {
  const offers = new Map<PartyIndex, Message>()
  const tamper: Tamper = (sent) => {
    if (sent.round === 1) offers.set(sent.from, sent)
    return sent.round === 2 && sent.from === 1 ? offers.get(sent.from) : sent
  }
  expect(abortOf(await signWith(tamper), 2)).toMatchObject({ code: 'MISMATCH', round: 2, verdict: 'retry' })
})

test('two honest parties with different session ids accuse nobody and open no slot', async () => {
  const simulation = await presignAll(two, {
    backend,
    cheat: (party, honest) => {
      const sigid = sessionId(seeded(`own ${party}`)(32))
      return { ...honest, session: { ...honest.session, sigid } }
    },
  })
  for (const party of [1, 2]) {
    expect(abortOf(simulation, party)).toMatchObject({ code: 'MISMATCH', round: 1, verdict: 'retry', culprits: [] })
    expect(recordedBy(simulation, party)).toEqual([])
  }
})

test('two honest parties of which one is an epoch behind accuse nobody', async () => {
  const simulation = await presignAll(two, {
    backend,
    cheat: (party, honest) => {
      if (party === 2) return honest
      const share = { ...honest.key.share, epoch: honest.key.share.epoch - 1 }
      return { ...honest, key: { ...honest.key, share } }
    },
  })
  expect(abortOf(simulation, 2)).toMatchObject({ code: 'MISMATCH', verdict: 'retry', culprits: [] })
})

test('S3 round 2 does not leave before round 1 of everybody is there', () => {
  const [first, second] = [startedBy(three, 1), startedBy(three, 2)]
  const early = new Map([[partyIndex(2), second.offers.get(partyIndex(1))!]])
  expect(() => first.protocol.next(early)).toThrow(new ProtocolAbort('SILENT_PEER', 1, [partyIndex(3)]))
})

test('S20 a run that failed takes no second body', () => {
  const [first, second] = [startedBy(two, 1), startedBy(two, 2)]
  const good = second.offers.get(partyIndex(1))!
  expect(first.protocol.next(new Map([[partyIndex(2), good]])).value).toMatchObject({ entry: { entry: 'open' } })
  first.protocol.next(new Map())
  first.protocol.next(new Map())
  expect(() => first.protocol.next(new Map([[partyIndex(2), new Uint8Array(40268)]]))).toThrow(ProtocolAbort)
  expect(first.protocol.next(new Map([[partyIndex(2), good]]))).toEqual({ done: true, value: undefined })
})

describe.each(['open', 'pass'] as const)('a store that refuses to write "%s"', (refused) => {
  test('S22 keeps the answer back: the peer learns nothing', async () => {
    const simulation = await presignAll(two, {
      backend,
      record: (party, { entry }) => {
        if (party === 2 && entry === refused) throw new Error('store is down')
      },
    })
    expect(simulation.outcomes.get(SERVER)).toMatchObject({ status: 'failed' })
    expect(
      sentBy(simulation)
        .filter(({ from }) => from === 2)
        .map(({ round }) => round),
    ).toEqual([1])
    expect(recordedBy(simulation, 2)).toEqual(refused === 'open' ? [] : ['open'])
  })
})

test('a replayed offer is answered with other pads, even if nobody remembers session ids', async () => {
  const seed = 'replayed'
  const answers = await Promise.all(
    ['first', 'second'].map(async (own) => {
      const simulation = await presignAll(two, {
        ...{ backend, seed },
        cheat: (party, honest) => (party === 1 ? withFreshNonces(honest, own) : honest),
      })
      return sentBy(simulation).find(({ round, from }) => round === 2 && from === 1)!.body
    }),
  )
  const [a, b] = answers.map((body) => body.subarray(72, 40008))
  // The same r and sk both times: had the pads been the same, so were ã.
  const equalScalars = Array.from({ length: 416 * 3 }, (_, i) => 32 * i).filter((at) =>
    Buffer.from(a!.subarray(at, at + 32)).equals(b!.subarray(at, at + 32)),
  )
  expect(equalScalars).toEqual([])
})

/** The same r, φ and salt as before, and other randomness after them: a signer that answers one offer twice. */
function withFreshNonces<S extends { readonly rng: (n: number) => Uint8Array }>(honest: S, name: string): S {
  const fresh = seeded(name)
  let draws = 0
  return { ...honest, rng: (n: number) => (draws++ < 5 ? honest.rng(n) : fresh(n)) }
}

/** A presigning party after its first message. */
function startedBy(key: DealtKey, party: number) {
  const self = partyIndex(party)
  const session = { sigid: sessionId(seeded('by hand')(32)), signers: key.signers }
  const protocol = presign(session, key.keys.get(self)!, { backend, rng: seeded(`by hand ${party}`) })
  const step = protocol.next()
  if (step.done || step.value.step !== 'exchange') throw new Error('round 1 sends')
  return { protocol, offers: step.value.send }
}
