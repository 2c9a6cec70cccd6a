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

/** All peers, and the node that reaches them. */
type World = {
  readonly node: CommitteeNode
  readonly self: NodeName
  readonly states: ReadonlyMap<NodeName, State>
  readonly stopping: AbortController
  readonly now: () => number
  readonly log: Log
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
  const world: World = { node, self, states, stopping: new AbortController(), now, log }
  const unwatch = watch(world, pinned)
  for (const state of states.values()) {
    if (self < state.peer.name) void dial(world, state)
    else dialLater(world, state)
  }
  return {
    links: () => new Map([...states].map(([name, state]) => [name, linkOf(world, state)])),
    noteHeard: (name) => {
      const state = states.get(name)
      if (state !== undefined) state.heard = now()
    },
    connected: async (name, signal) => {
      const state = states.get(name)
      if (state === undefined) throw new Error('not pinned')
      if (isConnected(world, state)) return
      // Whoever wants it now does not wait for the backoff.
      if (self < name) void dial(world, state)
      await connection(state, signal)
    },
    stop: () => {
      world.stopping.abort()
      unwatch()
      for (const { timer } of states.values()) clearTimeout(timer)
    },
  }
}

function isConnected({ node }: World, { peer }: State): boolean {
  return node.getConnections(peer.id).some(({ status }) => status === 'open')
}

function linkOf(world: World, state: State): Link {
  return { connected: isConnected(world, state), since: state.since, heard: state.heard }
}

function dialLater(world: World, state: State): void {
  clearTimeout(state.timer)
  if (world.stopping.signal.aborted) return
  const backoff = Math.min(FIRST_MS * 2 ** state.attempts, LONGEST_MS)
  const patience = world.self < state.peer.name ? 0 : OTHER_SIDE_MS
  state.timer = setTimeout(() => void dial(world, state), (patience + backoff) * (1 + Math.random() / 2))
}

async function dial(world: World, state: State): Promise<void> {
  const { node, stopping, log } = world
  const { name, addresses } = state.peer
  if (isConnected(world, state)) return
  state.attempts += 1
  try {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(CONNECT_MS)])
    await node.dial([...addresses], { signal })
  } catch (cause) {
    log.debug({ event: 'dial-failed', peer: name, attempts: state.attempts, cause })
    if (!isConnected(world, state)) dialLater(world, state)
  }
}

/** @returns how to stop */
function watch(world: World, pinned: Pinned): () => void {
  const { node, self, states, now, log } = world
  const onOpen = ({ detail }: { readonly detail: Connection }) => {
    const state = stateIn(states, pinned, detail)
    if (state === undefined) return
    keepOne(node, self, state.peer)
    clearTimeout(state.timer)
    state.since = now()
    for (const go of state.waiting) go()
    log.info({ event: 'peer-connected', peer: state.peer.name })
  }
  const onClose = ({ detail }: { readonly detail: Connection }) => {
    const state = stateIn(states, pinned, detail)
    if (state === undefined || isConnected(world, state)) return
    if (now() - state.since > STEADY_MS) state.attempts = 0
    state.since = now()
    log.warn({ event: 'peer-disconnected', peer: state.peer.name })
    dialLater(world, state)
  }
  node.addEventListener('connection:open', onOpen)
  node.addEventListener('connection:close', onClose)
  return () => {
    node.removeEventListener('connection:open', onOpen)
    node.removeEventListener('connection:close', onClose)
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
