import { setImmediate as turn } from 'node:timers/promises'
import {
  type Link,
  MAX_BROADCAST_BYTES,
  MAX_MESSAGE_BYTES,
  type Network,
  type NodeName,
  PeerUnreachable,
} from '../../sigpair/src/committee/network.ts'
import { seeded, type SeededRng } from './rng.ts'

/** What goes wrong, by itself: chances are 0…1 for each delivery. A changed field is in force for what is sent from then on. */
export type Faults = {
  /** of a broadcast, to each receiver by itself */
  readonly loss: number
  /** of a broadcast: it comes twice */
  readonly repetition: number
  /** that a delivery overtakes others; never among the messages of one peer to another */
  readonly reordering: number
  /** of a message to one peer: it is never heard, and its sender is not told */
  readonly messageLoss: number
  /** mean of each delivery, ms; each takes between half and one and a half of it */
  readonly delayMs: number
}

export const NO_FAULTS: Faults = { loss: 0, repetition: 0, reordering: 0, messageLoss: 0, delayMs: 0 }

export type MemoryNetworks = {
  /** by name, in the order of the names */
  readonly nodes: ReadonlyMap<NodeName, Network>
  readonly node: (name: NodeName) => Network
  readonly change: (faults: Partial<Faults>) => void
  /** Only nodes of one group reach each other; a node in no group reaches nobody. What is under way is lost. */
  readonly partition: (...groups: readonly (readonly NodeName[])[]) => void
  /** Ends every partition. */
  readonly heal: () => void
  /** Hears nothing, and who sends to it is not told: a stopped process. Until {@link MemoryNetworks.undeafen}. */
  readonly deafen: (name: NodeName) => void
  readonly undeafen: (name: NodeName) => void
  /** The process is gone: nobody reaches it, and what it had is lost. */
  readonly kill: (name: NodeName) => void
  /** A new process of the same node; `node(name)` is its network from now on. */
  readonly restart: (name: NodeName) => Network
  /** Everything that anybody sends, before anything goes wrong; `to` is undefined for a broadcast. */
  readonly onSent: (hear: (from: NodeName, to: NodeName | undefined, payload: Uint8Array) => void) => () => void
  /** Resolves when nothing is under way. */
  readonly quiet: () => Promise<void>
  readonly close: () => Promise<void>
}

type Listener = (from: NodeName, payload: Uint8Array) => void

/** One process of a node. */
type Process = {
  readonly name: NodeName
  readonly hears: { readonly broadcast: Set<Listener>; readonly message: Set<Listener> }
  readonly heard: Map<NodeName, number>
  alive: boolean
}

/** All that is shared by the nodes. */
type Ether = {
  readonly rng: SeededRng
  readonly now: () => number
  readonly names: readonly NodeName[]
  readonly processes: Map<NodeName, Process>
  readonly deaf: Set<NodeName>
  /** deliveries that are due */
  readonly bag: (() => void)[]
  readonly timers: Set<NodeJS.Timeout>
  /** what one node has for another and is not delivered yet, by `from>to` */
  readonly lines: Map<string, Uint8Array[]>
  readonly watchers: Set<(from: NodeName, to: NodeName | undefined, payload: Uint8Array) => void>
  groups: readonly (readonly NodeName[])[] | undefined
  /** of the last partition, its end, or a process that came or went; ms since 1970 */
  changed: number
  faults: Faults
  pumping: boolean
}

/**
 * A committee's network without sockets, and with every fault a real one has. Who sends what, and what goes wrong, is the
 * same for the same seed as long as the nodes themselves are deterministic.
 */
export function memoryNetworks(
  names: readonly NodeName[],
  options: { readonly seed?: string | number; readonly faults?: Partial<Faults>; readonly now?: () => number } = {},
): MemoryNetworks {
  const { seed = 0, faults = {}, now = Date.now } = options
  const ether: Ether = {
    rng: seeded(`memory-network/${seed}`),
    now,
    names,
    processes: new Map(),
    deaf: new Set(),
    bag: [],
    timers: new Set(),
    lines: new Map(),
    watchers: new Set(),
    groups: undefined,
    changed: now(),
    faults: { ...NO_FAULTS, ...faults },
    pumping: false,
  }
  const nodes = new Map(names.map((name) => [name, start(ether, name)]))
  return { ...controls(ether, nodes), nodes, node: (name) => known(nodes.get(name)) }
}

function controls(ether: Ether, nodes: Map<NodeName, Network>): Omit<MemoryNetworks, 'nodes' | 'node'> {
  const regroup = (groups: Ether['groups']) => {
    ether.groups = groups
    ether.changed = ether.now()
  }
  const kill = (name: NodeName) => stop(ether, known(ether.processes.get(name)))
  return {
    change: (faults) => void (ether.faults = { ...ether.faults, ...faults }),
    partition: (...groups) => regroup(groups),
    heal: () => regroup(undefined),
    deafen: (name) => void ether.deaf.add(name),
    undeafen: (name) => void ether.deaf.delete(name),
    kill,
    restart: (name) => {
      kill(name)
      const network = start(ether, name)
      nodes.set(name, network)
      return network
    },
    onSent: (hear) => {
      ether.watchers.add(hear)
      return () => void ether.watchers.delete(hear)
    },
    quiet: async () => {
      while (ether.pumping || ether.timers.size > 0) await turn()
    },
    close: async () => {
      for (const name of ether.names) kill(name)
      for (const timer of ether.timers) clearTimeout(timer)
    },
  }
}

function start(ether: Ether, self: NodeName): Network {
  const process: Process = {
    name: self,
    hears: { broadcast: new Set(), message: new Set() },
    heard: new Map(),
    alive: true,
  }
  ether.processes.set(self, process)
  ether.changed = ether.now()
  const others = ether.names.filter((name) => name !== self)
  return {
    self,
    peers: others.map((name) => ({ name, label: `node ${ether.names.indexOf(name) + 1}`, addresses: [] })),
    broadcast: async (payload) => broadcast(ether, process, bounded(payload, MAX_BROADCAST_BYTES)),
    onBroadcast: (hear) => subscribe(process.hears.broadcast, hear),
    send: async (to, payload) => send(ether, process, to, bounded(payload, MAX_MESSAGE_BYTES)),
    onMessage: (hear) => subscribe(process.hears.message, hear),
    links: () => new Map(others.map((name) => [name, linkOf(ether, process, name)])),
    close: async () => stop(ether, process),
  }
}

function stop(ether: Ether, process: Process): void {
  if (!process.alive) return
  process.alive = false
  process.hears.broadcast.clear()
  process.hears.message.clear()
  ether.changed = ether.now()
  for (const line of ether.lines.keys()) if (line.split('>').includes(process.name)) ether.lines.delete(line)
}

function broadcast(ether: Ether, process: Process, payload: Uint8Array): void {
  if (!process.alive) return
  const { loss, repetition } = ether.faults
  for (const hear of ether.watchers) hear(process.name, undefined, payload)
  for (const to of ether.names.filter((name) => name !== process.name)) {
    const lost = chance(ether, loss)
    const times = chance(ether, repetition) ? 2 : 1
    if (lost || !reaches(ether, process.name, to)) continue
    for (let n = 0; n < times; n++) {
      post(ether, () => deliver(ether, process, to, { kind: 'broadcast', payload: payload.slice() }))
    }
  }
}

function send(ether: Ether, process: Process, to: NodeName, payload: Uint8Array): void {
  if (!ether.names.includes(to) || to === process.name) throw new PeerUnreachable(to)
  if (!process.alive || !reaches(ether, process.name, to)) throw new PeerUnreachable(to)
  for (const hear of ether.watchers) hear(process.name, to, payload)
  if (chance(ether, ether.faults.messageLoss)) return
  const name = `${process.name}>${to}`
  const line = ether.lines.get(name) ?? []
  line.push(payload)
  ether.lines.set(name, line)
  post(ether, () => {
    // The oldest, whichever delivery this is: the order between two peers holds.
    const next = ether.lines.get(name) === line ? line.shift() : undefined
    if (next) deliver(ether, process, to, { kind: 'message', payload: next })
  })
}

function deliver(
  ether: Ether,
  from: Process,
  to: NodeName,
  { kind, payload }: { readonly kind: keyof Process['hears']; readonly payload: Uint8Array },
): void {
  const receiver = ether.processes.get(to)
  if (!receiver?.alive || ether.deaf.has(to) || !reaches(ether, from.name, to)) return
  receiver.heard.set(from.name, ether.now())
  for (const hear of receiver.hears[kind]) hear(from.name, payload)
}

function reaches({ groups, processes }: Ether, from: NodeName, to: NodeName): boolean {
  if (processes.get(to)?.alive !== true) return false
  return groups === undefined || groups.some((group) => group.includes(from) && group.includes(to))
}

function linkOf(ether: Ether, { name, heard }: Process, to: NodeName): Link {
  return { connected: reaches(ether, name, to), since: ether.changed, heard: heard.get(to) ?? 0 }
}

/** Delivers later, never before the sender's call has returned. */
function post(ether: Ether, act: () => void): void {
  const { delayMs } = ether.faults
  if (delayMs === 0) {
    due(ether, act)
    return
  }
  const timer = setTimeout(
    () => {
      ether.timers.delete(timer)
      due(ether, act)
    },
    delayMs * (0.5 + draw(ether)),
  )
  ether.timers.add(timer)
}

function due(ether: Ether, act: () => void): void {
  ether.bag.push(act)
  if (ether.pumping) return
  ether.pumping = true
  setImmediate(() => pump(ether))
}

/** One delivery in each turn, so that what it causes may overtake the rest. */
function pump(ether: Ether): void {
  const { bag, faults } = ether
  const at = chance(ether, faults.reordering) ? Math.floor(draw(ether) * bag.length) : 0
  const [act] = bag.splice(at, 1)
  ether.pumping = bag.length > 0
  if (ether.pumping) setImmediate(() => pump(ether))
  act?.()
}

/** 0 ≤ x < 1 */
function draw({ rng }: Ether): number {
  return new DataView(rng(4).buffer).getUint32(0) / 2 ** 32
}

function chance(ether: Ether, likely: number): boolean {
  return likely > 0 && draw(ether) < likely
}

function subscribe(listeners: Set<Listener>, hear: Listener): () => void {
  listeners.add(hear)
  return () => void listeners.delete(hear)
}

function bounded(payload: Uint8Array, most: number): Uint8Array {
  if (payload.length > most) throw new RangeError(`${payload.length} bytes are more than ${most}`)
  return payload.slice()
}

function known<T>(found: T | undefined): T {
  if (found === undefined) throw new TypeError('no such node')
  return found
}
