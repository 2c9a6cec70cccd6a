import { setImmediate } from 'node:timers/promises'
import {
  type Channel,
  type JournalEntry,
  type Message,
  type PartyIndex,
  type Protocol,
  ProtocolAbort,
  run,
} from '@tandem/rounds'

/**
 * The adversary on the wire between authenticated ends: what the recipient gets in place of a message. A body replaces
 * the body, a message replaces header and body, undefined withholds it.
 */
export type Tamper = (message: Message) => Message | Uint8Array | undefined

export type Outcome<Out> =
  | { readonly status: 'done'; readonly output: Out }
  | { readonly status: 'aborted'; readonly abort: ProtocolAbort }
  | { readonly status: 'failed'; readonly error: unknown }

/** What a party did that others could see, in order. `sent` is the message before tampering. */
export type SimulationEvent =
  | { readonly party: PartyIndex; readonly sent: Message }
  | { readonly party: PartyIndex; readonly recorded: JournalEntry }

export type Simulation<Out> = {
  readonly outcomes: ReadonlyMap<PartyIndex, Outcome<Out>>
  readonly events: readonly SimulationEvent[]
}

export type SimulationOptions = {
  readonly tamper?: Tamper
  /** Called for every journal step; a rejection is a store that fails. */
  readonly record?: (party: PartyIndex, entry: JournalEntry) => void | Promise<void>
}

/**
 * Runs every party's generator to its end through the real {@link run}, over queues in memory. Nobody waits on a clock:
 * when no party can move any more, all deadlines pass at once.
 */
export async function simulate<Out>(
  protocols: ReadonlyMap<PartyIndex, Protocol<Out>>,
  { tamper = (message) => message, record = () => {} }: SimulationOptions = {},
): Promise<Simulation<Out>> {
  const events: SimulationEvent[] = []
  const deadlines = new Set<() => void>()
  const network = wires(tamper, events)
  const outcomes = new Map<PartyIndex, Outcome<Out>>()

  const parties = [...protocols].map(async ([party, protocol]) => {
    const host = {
      channel: network.channel(party),
      record: (entry: JournalEntry) =>
        network.busy(async () => {
          await record(party, entry)
          events.push({ party, recorded: entry })
        }),
      breathe: async () => {},
      after: (_ms: number, act: () => void) => {
        deadlines.add(act)
        return () => {
          deadlines.delete(act)
        }
      },
      roundMs: 1000,
      signal: new AbortController().signal,
    }
    outcomes.set(party, await outcomeOf(run(protocol, host)))
  })
  await Promise.race([
    Promise.all(parties),
    expireWhenStuck(network, deadlines, () => outcomes.size === protocols.size),
  ])
  await Promise.all(parties)
  return { outcomes, events }
}

/** The output of every party, in index order. @throws the first abort or error if there is one */
export function outputs<Out>({ outcomes }: Simulation<Out>): Out[] {
  return [...outcomes]
    .toSorted(([i], [j]) => i - j)
    .map(([, outcome]) => {
      if (outcome.status === 'done') return outcome.output
      throw outcome.status === 'aborted' ? outcome.abort : outcome.error
    })
}

/** How this party's run was aborted. @throws if it was not */
export function abortOf<Out>({ outcomes }: Simulation<Out>, party: number): ProtocolAbort {
  const outcome = outcomes.get(party as PartyIndex)
  if (outcome?.status === 'aborted') return outcome.abort
  throw new Error(`party ${party} did not abort`, { cause: outcome })
}

/** Every message that was sent, before tampering, in order. */
export function sentBy<Out>({ events }: Simulation<Out>): Message[] {
  return events.flatMap((event) => ('sent' in event ? [event.sent] : []))
}

async function outcomeOf<Out>(running: Promise<Out>): Promise<Outcome<Out>> {
  try {
    return { status: 'done', output: await running }
  } catch (error) {
    return error instanceof ProtocolAbort ? { status: 'aborted', abort: error } : { status: 'failed', error }
  }
}

type Network = {
  readonly channel: (self: PartyIndex) => Channel
  /** Grows whenever somebody sends or a store answers. */
  readonly moves: () => number
  /** Nobody is stuck while a store is at work. */
  readonly busy: <T>(work: () => Promise<T>) => Promise<T>
  readonly isBusy: () => boolean
}

function wires(tamper: Tamper, events: SimulationEvent[]): Network {
  const queues = new Map<string, Message[]>()
  const waiting = new Map<string, (message: Message) => void>()
  let moves = 0
  let working = 0

  const deliver = (wire: string, message: Message) => {
    moves++
    const receiver = waiting.get(wire)
    waiting.delete(wire)
    if (receiver) receiver(message)
    else queues.set(wire, [...(queues.get(wire) ?? []), message])
  }
  const channel = (self: PartyIndex): Channel => ({
    async send(message) {
      moves++
      events.push({ party: self, sent: message })
      const got = tamper(message)
      if (got) deliver(`${self}→${message.to}`, got instanceof Uint8Array ? { ...message, body: got } : got)
    },
    receive(from, signal) {
      const wire = `${from}→${self}`
      const early = queues.get(wire)?.shift()
      if (early) return Promise.resolve(early)
      return new Promise((resolve, reject) => {
        waiting.set(wire, resolve)
        signal.addEventListener('abort', () => {
          reject(new Error('receive was given up'))
        })
      })
    },
  })
  const busy = async <T>(work: () => Promise<T>) => {
    working++
    try {
      return await work()
    } finally {
      working--
      moves++
    }
  }
  return { channel, moves: () => moves, busy, isBusy: () => working > 0 }
}

async function expireWhenStuck(network: Network, deadlines: Set<() => void>, done: () => boolean): Promise<void> {
  while (!done()) {
    const before = network.moves()
    await setImmediate()
    if (network.isBusy() || network.moves() !== before) continue
    for (const expire of deadlines) expire()
  }
}
