import { type Message, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import { decodeFrame, encodeFrame, toHex, WireError } from '@tandem/wire'
import { type Network, type NodeName, PeerUnreachable } from '../committee/network.ts'
import { type EarlyFrames, openEarly } from './early.ts'

/** The rounds of one dialogue among the members. */
export type PeerSession = {
  /** To the member it names. @throws {WireError} `UNAVAILABLE` if that member cannot be reached */
  readonly send: (message: Message) => Promise<void>
  /** Hears what has waited, and from then on whatever comes; `by` is a fact. Once. */
  readonly hear: (deliver: (by: PartyIndex, message: Message) => void) => void
  readonly end: () => void
}

/** How a member reaches the others. Source: docs/spec/gateway.md, section 3. */
export type Rounds = {
  /**
   * The device has opened the session here.
   *
   * @param id     0x-hex, 32 bytes
   * @param peers  whose frames are taken
   * @throws {WireError} `VALIDATION_FAILED` for a name that was used before
   */
  readonly open: (id: string, peers: readonly PartyIndex[]) => PeerSession
  readonly close: () => void
}

/** `02 ‖ session ‖ frame`. A committee without a device has 01. */
const ROUND = 2
const SESSION_BYTES = 32
const FRAME_AT = 1 + SESSION_BYTES

/** Names of sessions that are over: frames that come late for them are dropped. */
const REMEMBERED = 4096

type Running = {
  readonly peers: readonly PartyIndex[]
  deliver: ((by: PartyIndex, message: Message) => void) | undefined
}

export type RoundsOptions = {
  readonly network: Network
  readonly self: PartyIndex
  /** names of members 1…n in the network, ours among them */
  readonly names: readonly NodeName[]
  /** ms since 1970 */
  readonly now: () => number
}

export function openRounds({ network, self, names, now }: RoundsOptions): Rounds {
  const running = new Map<string, Running>()
  const ended = new Set<string>()
  const early = openEarly(now)
  const hear = (from: NodeName, payload: Uint8Array) => {
    const by = names.indexOf(from) + 1
    const heard = by === 0 || by === self ? undefined : read(payload)
    if (heard?.message.from !== by) return // check K16
    if (heard.message.to !== self || ended.has(heard.session)) return
    const session = running.get(heard.session)
    if (!session?.deliver) return early.keep(partyIndex(by), heard.session, heard.message)
    if (session.peers.includes(partyIndex(by))) session.deliver(partyIndex(by), heard.message)
  }
  const stop = network.onMessage(hear)

  return {
    open: (id, peers) => {
      const name = id.toLowerCase()
      if (running.has(name) || ended.has(name)) throw new WireError('VALIDATION_FAILED', 'hello.committee.session')
      const session: Running = { peers, deliver: undefined }
      running.set(name, session)
      return {
        ...talk(network, names, name),
        hear: (deliver) => begin(session, early.take(name), deliver),
        end: () => {
          running.delete(name)
          remember(ended, name)
        },
      }
    },
    close: stop,
  }
}

function begin(
  session: Running,
  waiting: ReturnType<EarlyFrames['take']>,
  deliver: (by: PartyIndex, message: Message) => void,
): void {
  for (const { by, message } of waiting) if (session.peers.includes(by)) deliver(by, message)
  session.deliver = deliver
}

/** Messages to one member leave in order. */
function talk(network: Network, names: readonly NodeName[], session: string): Pick<PeerSession, 'send'> {
  const last = new Map<PartyIndex, Promise<void>>()
  return {
    send: async (message) => {
      const { to } = message
      const before = last.get(to) ?? Promise.resolve()
      const sent = before.then(async () => network.send(names[to - 1] ?? '', write(session, message)))
      last.set(to, sent)
      try {
        await sent
      } catch (cause) {
        if (cause instanceof PeerUnreachable) throw new WireError('UNAVAILABLE', `member ${to}`, { cause })
        throw cause
      }
    },
  }
}

function remember(ended: Set<string>, name: string): void {
  ended.add(name)
  const [oldest] = ended
  if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest)
}

function write(session: string, message: Message): Uint8Array {
  const frame = encodeFrame(message)
  const out = new Uint8Array(FRAME_AT + frame.length)
  out[0] = ROUND
  out.set(Buffer.from(session.slice(2), 'hex'), 1)
  out.set(frame, FRAME_AT)
  return out
}

/** Undefined for whatever is not of the documented form. */
function read(payload: Uint8Array): { readonly session: string; readonly message: Message } | undefined {
  if (payload[0] !== ROUND || payload.length < FRAME_AT) return undefined
  try {
    const { protocol, round, epoch, sid, from, to, body } = decodeFrame(payload.subarray(FRAME_AT))
    if (protocol === 'control') return undefined
    const parties = { from: partyIndex(from), to: partyIndex(to) }
    const message = { protocol, round, epoch, sid: sessionId(sid), ...parties, body }
    return { session: toHex(payload.subarray(1, FRAME_AT)), message }
  } catch {
    return undefined
  }
}
