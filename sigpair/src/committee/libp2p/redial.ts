import type { Log } from '@tandem/service'
import { CONNECT_MS, type Link, type NodeName } from '../network.ts'
import type { CommitteeNode, Connection } from './node.ts'
import type { Pinned, PinnedPeer } from './pinned.ts'

/** Between two attempts: doubled each time, with up to half of it by chance, so that a committee does not dial in step. */
const FIRST_MS = 200
const LONGEST_MS = 1_300

/** A connection that lasted as long was a good one: the next attempt comes soon. */
const STEADY_MS = 5_000

/** The node with the smaller name dials; the other one only when it has waited this long, as if the first could not. */
const OTHER_SIDE_MS = 2_500

export type Connections = {
  readonly links: () => ReadonlyMap<NodeName, Link>
  readonly noteHeard: (name: NodeName) => void
  /** Resolves when there is a connection. @throws when the signal says so */
  readonly connected: (name: NodeName, signal: AbortSignal) => Promise<void>
  readonly stop: () => void
}

/** What is known of one peer. */
type State = {
  readonly peer: PinnedPeer
  readonly waiting: Set<() => void>
  timer: NodeJS.Timeout | undefined
  attempts: number
  since: number
  heard: number
}

/**
 * Keeps exactly one connection to every pinned peer, for as long as it takes. Two would be a trap: gossipsub talks over the
 * first, and does not notice when only that one ends.
 */
export function keepConnected(
  node: CommitteeNode,
  options: { readonly self: NodeName; readonly pinned: Pinned; readonly now: () => number; readonly log: Log },
): Connections {
  const { self, pinned, now, log } = options
  const states = new Map(pinned.peers.map((peer) => [peer.name, stateOf(peer, now())]))
  const stopping = new AbortController()
  const isConnected = ({ peer }: State) => node.getConnections(peer.id).some(({ status }) => status === 'open')

  const dialLater = (state: State) => {
    clearTimeout(state.timer)
    if (stopping.signal.aborted) return
    const backoff = Math.min(FIRST_MS * 2 ** state.attempts, LONGEST_MS)
    const patience = self < state.peer.name ? 0 : OTHER_SIDE_MS
    state.timer = setTimeout(() => void dial(state), (patience + backoff) * (1 + Math.random() / 2))
  }
  const dial = async (state: State) => {
    if (isConnected(state)) return
    state.attempts += 1
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(CONNECT_MS)])
      await node.dial([...state.peer.addresses], { signal })
    } catch (cause) {
      log.debug({ event: 'dial-failed', peer: state.peer.name, attempts: state.attempts, cause })
      if (!isConnected(state)) dialLater(state)
    }
  }
  const onOpen = ({ detail: connection }: { readonly detail: Connection }) => {
    const state = stateIn(states, pinned, connection)
    if (state === undefined) return
    keepOne(node, self, state.peer)
    clearTimeout(state.timer)
    state.since = now()
    for (const go of state.waiting) go()
    log.info({ event: 'peer-connected', peer: state.peer.name })
  }
  const onClose = ({ detail: connection }: { readonly detail: Connection }) => {
    const state = stateIn(states, pinned, connection)
    if (state === undefined || isConnected(state)) return
    if (now() - state.since > STEADY_MS) state.attempts = 0
    state.since = now()
    log.warn({ event: 'peer-disconnected', peer: state.peer.name })
    dialLater(state)
  }
  node.addEventListener('connection:open', onOpen)
  node.addEventListener('connection:close', onClose)
  for (const state of states.values()) {
    if (self < state.peer.name) void dial(state)
    else dialLater(state)
  }
  return {
    links: () =>
      new Map(
        [...states].map(([name, state]) => [
          name,
          { connected: isConnected(state), since: state.since, heard: state.heard },
        ]),
      ),
    noteHeard: (name) => {
      const state = states.get(name)
      if (state !== undefined) state.heard = now()
    },
    connected: async (name, signal) => {
      const state = states.get(name)
      if (state === undefined) throw new Error('not pinned')
      if (isConnected(state)) return
      // Whoever wants it now does not wait for the backoff.
      if (self < name) void dial(state)
      await connection(state, signal)
    },
    stop: () => {
      stopping.abort()
      node.removeEventListener('connection:open', onOpen)
      node.removeEventListener('connection:close', onClose)
      for (const { timer } of states.values()) clearTimeout(timer)
    },
  }
}

function stateOf(peer: PinnedPeer, since: number): State {
  return { peer, waiting: new Set(), timer: undefined, attempts: 0, since, heard: 0 }
}

function stateIn(states: ReadonlyMap<NodeName, State>, pinned: Pinned, { remotePeer }: Connection): State | undefined {
  const name = pinned.nameOf(remotePeer)
  return name === undefined ? undefined : states.get(name)
}

async function connection(state: State, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const end = () => {
      state.waiting.delete(go)
      signal.removeEventListener('abort', late)
    }
    const go = () => {
      end()
      resolve()
    }
    const late = () => {
      end()
      reject(new Error('no connection in time'))
    }
    state.waiting.add(go)
    signal.addEventListener('abort', late, { once: true })
  })
}

/** Both sides keep the same one: dialled by the smaller name if there is such a one, and the newest of those. */
function keepOne(node: CommitteeNode, self: NodeName, { id, name }: PinnedPeer): void {
  const open = node.getConnections(id).filter(({ status }) => status === 'open')
  if (open.length < 2) return
  const preferred = open.filter(({ direction }) => (direction === 'outbound') === self < name)
  const candidates = preferred.length > 0 ? preferred : open
  const kept = candidates.reduce((newest, one) => (one.timeline.open > newest.timeline.open ? one : newest))
  for (const one of open) if (one !== kept) one.abort(new Error('a second connection to the same peer'))
}
