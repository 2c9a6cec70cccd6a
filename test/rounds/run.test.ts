import {
  exchange,
  type JournalEntry,
  journal,
  type Message,
  type PartyIndex,
  partyIndex,
  pause,
  type Protocol,
  ProtocolAbort,
  type RunHost,
  run,
  sessionId,
  toEach,
} from '@tandem/rounds'
import { abortOf, outputs, sentBy, simulate, type Tamper } from '../helpers/simulate.ts'

const [alice, bob, carol] = [1, 2, 3].map(partyIndex) as [PartyIndex, PartyIndex, PartyIndex]
const sid = sessionId(new Uint8Array(32).fill(7))
const header = (round: number) => ({ protocol: 'keygen', round, sid, epoch: 0 }) as const

/** Two rounds of one byte; the output is everything heard. `finished` learns that the state was dropped. */
function* gossip(self: PartyIndex, peers: readonly PartyIndex[], finished = () => {}): Protocol<number[]> {
  try {
    const heard: number[] = []
    for (const round of [1, 2]) {
      const inbox = yield* exchange(
        header(round),
        self,
        toEach(peers, Uint8Array.of(10 * round + self)),
        toEach(peers, 1),
      )
      heard.push(...[...inbox.values()].map((body) => body[0]!))
      yield* pause()
    }
    return heard
  } finally {
    finished()
  }
}

const both = () =>
  new Map([
    [alice, gossip(alice, [bob])],
    [bob, gossip(bob, [alice])],
  ])

const fromBob =
  (round: number, change: (message: Message) => Message | Uint8Array | undefined): Tamper =>
  (message) =>
    message.from === bob && message.round === round ? change(message) : message

describe('a run that nobody disturbs', () => {
  test('brings every party what the others sent, in order', async () => {
    expect(outputs(await simulate(both()))).toEqual([
      [12, 22],
      [11, 21],
    ])
  })

  test('works for three', async () => {
    const all = [alice, bob, carol]
    const parties = new Map(
      all.map((i) => [
        i,
        gossip(
          i,
          all.filter((j) => j !== i),
        ),
      ]),
    )
    expect(outputs(await simulate(parties))[0]).toEqual([12, 13, 22, 23])
  })
})

describe('headers are checked before bodies', () => {
  const otherSid = sessionId(new Uint8Array(32).fill(8))
  const wrong: Record<string, Partial<Message>> = {
    protocol: { protocol: 'sign' },
    round: { round: 1 },
    sid: { sid: otherSid },
    'length of the sid': { sid: sid.slice(0, 31) as Message['sid'] },
    epoch: { epoch: 1 },
    recipient: { to: carol },
  }
  for (const [field, change] of Object.entries(wrong)) {
    test(`K1 K14 a message with another ${field} is a mismatch that accuses nobody`, async () => {
      const sim = await simulate(both(), { tamper: fromBob(2, (message) => ({ ...message, ...change })) })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'MISMATCH', round: 2, culprits: [], verdict: 'retry' })
    })
  }

  test('K1 K14 a replayed message of the round before is a mismatch', async () => {
    let first: Message | undefined
    const replay: Tamper = (message) => {
      if (message.from !== bob) return message
      first ??= message
      return first
    }
    expect(abortOf(await simulate(both(), { tamper: replay }), alice)).toMatchObject({ code: 'MISMATCH', round: 2 })
  })

  test('K16 a message that names another sender than the channel it came by is a mismatch', async () => {
    const sim = await simulate(both(), { tamper: fromBob(1, (message) => ({ ...message, from: carol })) })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'MISMATCH', round: 1 })
  })

  test('S4 a body that is too short or too long is malformed, and names its sender', async () => {
    for (const bytes of [0, 2]) {
      const sim = await simulate(both(), { tamper: fromBob(1, () => new Uint8Array(bytes)) })
      expect(abortOf(sim, alice)).toMatchObject({ code: 'MALFORMED', round: 1, culprits: [bob], verdict: 'retry' })
    }
  })

  test('a message that is both of another run and malformed is a mismatch: honest parties accuse nobody', async () => {
    const tamper = fromBob(1, (message) => ({ ...message, sid: otherSid, body: new Uint8Array(5) }))
    expect(abortOf(await simulate(both(), { tamper }), alice).code).toBe('MISMATCH')
  })
})

describe('a silent peer', () => {
  test('ends the run with the round and its name', async () => {
    const sim = await simulate(both(), { tamper: fromBob(2, () => undefined) })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round: 2, culprits: [bob] })
  })

  test('is told from the one that spoke', async () => {
    const all = [alice, bob, carol]
    const parties = new Map(
      all.map((i) => [
        i,
        gossip(
          i,
          all.filter((j) => j !== i),
        ),
      ]),
    )
    const sim = await simulate(parties, { tamper: (message) => (message.from === bob ? undefined : message) })
    for (const party of [alice, carol]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'SILENT_PEER', round: 1, culprits: [bob] })
    }
  })

  test('has as long as a round may take, counted anew in every round', async () => {
    const delays: number[] = []
    const host = hostOf({
      after: (ms) => {
        delays.push(ms)
        return () => {}
      },
    })
    await run(gossip(alice, [bob]), host)
    expect(delays).toEqual([250, 250])
  })
})

describe('a run that ends early', () => {
  test('is cancelled by its signal, before and while it waits', async () => {
    const early = new AbortController()
    early.abort()
    const never = { receive: (_: PartyIndex, signal: AbortSignal) => untilAborted(signal) }
    await expect(run(gossip(alice, [bob]), hostOf({ signal: early.signal }, never))).rejects.toMatchObject({
      code: 'CANCELLED',
    })

    const late = new AbortController()
    const running = run(gossip(alice, [bob]), hostOf({ signal: late.signal }, never))
    late.abort()
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED', round: 1, culprits: [bob] })
  })

  test('drops its state, whatever ended it', async () => {
    for (const tamper of [fromBob(1, () => undefined), fromBob(1, () => new Uint8Array(9))]) {
      let dropped = 0
      const parties = new Map([
        [alice, gossip(alice, [bob], () => dropped++)],
        [bob, gossip(bob, [alice])],
      ])
      await simulate(parties, { tamper })
      expect(dropped).toBe(1)
    }
  })

  test('S20 takes no second message once a check has failed', async () => {
    const protocol = gossip(alice, [bob])
    const lie = { receive: async (from: PartyIndex) => ({ ...header(1), from, to: alice, body: new Uint8Array(3) }) }
    await expect(run(protocol, hostOf({}, lie))).rejects.toMatchObject({ code: 'MALFORMED' })
    expect(protocol.next(new Map([[bob, Uint8Array.of(1)]]))).toEqual({ done: true, value: undefined })
  })

  test('passes on an error that is not a peer’s doing', async () => {
    const broken = { receive: () => Promise.reject(new Error('socket closed')) }
    await expect(run(gossip(alice, [bob]), hostOf({}, broken))).rejects.toThrow('socket closed')
    const error = await run(gossip(alice, [bob]), hostOf({}, broken)).catch((cause: unknown) => cause)
    expect(error).not.toBeInstanceOf(ProtocolAbort)
  })
})

describe('journal', () => {
  const entry: JournalEntry = { entry: 'store', name: 'stage', bytes: Uint8Array.of(1) }
  function* storeThenSend(): Protocol<string> {
    yield* journal(entry)
    yield* exchange(header(1), alice, toEach([bob], Uint8Array.of(1)), new Map())
    return 'sent'
  }

  test('nothing is sent before the entry is durable', async () => {
    const sim = await simulate(new Map([[alice, storeThenSend()]]), {
      record: () => new Promise((resolve) => setTimeout(resolve, 5)),
    })
    expect(sim.events.map((event) => ('recorded' in event ? event.recorded.entry : 'sent'))).toEqual(['store', 'sent'])
  })

  test('a store that fails ends the run and nothing more is sent', async () => {
    const sim = await simulate(new Map([[alice, storeThenSend()]]), {
      record: () => Promise.reject(new Error('disk full')),
    })
    expect(sim.outcomes.get(alice)).toMatchObject({ status: 'failed', error: new Error('disk full') })
    expect(sentBy(sim)).toEqual([])
  })
})

/** A host whose only peer answers at once, in turn. */
function hostOf(host: Partial<RunHost>, channel: Partial<RunHost['channel']> = {}): RunHost {
  let round = 0
  return {
    channel: {
      send: async () => {},
      receive: async (from) => ({ ...header(++round), from, to: alice, body: Uint8Array.of(1) }),
      ...channel,
    },
    record: async () => {},
    breathe: async () => {},
    after: () => () => {},
    roundMs: 250,
    signal: new AbortController().signal,
    ...host,
  }
}

function untilAborted(signal: AbortSignal): Promise<Message> {
  return new Promise((_, reject) => {
    const give = () => {
      reject(new Error('given up'))
    }
    if (signal.aborted) give()
    else signal.addEventListener('abort', give)
  })
}
