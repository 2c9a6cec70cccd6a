/** Ed25519 identity of a node, 0x-hex, lower case. See shared/wire/src/committee.ts. */
export type NodeName = string

/** A node as the configuration pins it. */
export type Peer = {
  readonly name: NodeName
  /** what operators call it */
  readonly label: string
  /** multiaddrs */
  readonly addresses: readonly string[]
}

/** How a peer does, for `status`. Times are ms since 1970; 0 for never. */
export type Link = { readonly connected: boolean; readonly since: number; readonly heard: number }

/** What a node hears. Returns a function that stops hearing. */
export type Hear = (hear: (from: NodeName, payload: Uint8Array) => void) => () => void

/**
 * How the nodes of a committee reach each other. `from` is a fact: every payload is signed by its sender and bound to its
 * receiver, or to everybody. A broadcast may be lost, repeated and reordered; what is sent to one peer arrives once and in
 * order, or not at all, and only that peer can read it. Peers that are not pinned do not exist.
 *
 * Source: docs/spec/committee.md, section 2.
 */
export type Network = {
  readonly self: NodeName
  /** all pinned nodes but this one */
  readonly peers: readonly Peer[]
  /** To everybody who listens now: at most {@link MAX_BROADCAST_BYTES}. Resolves when handed to the network. */
  readonly broadcast: (payload: Uint8Array) => Promise<void>
  readonly onBroadcast: Hear
  /**
   * To one peer: at most {@link MAX_MESSAGE_BYTES}. Connects if need be.
   *
   * @throws {PeerUnreachable} when that takes longer than {@link CONNECT_MS}, or the peer's buffer is full
   */
  readonly send: (to: NodeName, payload: Uint8Array) => Promise<void>
  readonly onMessage: Hear
  readonly links: () => ReadonlyMap<NodeName, Link>
  readonly close: () => Promise<void>
}

/** A command with its request; rounds never travel by broadcast. */
export const MAX_BROADCAST_BYTES = 256 * 1024

/** The longest round message, with its header and signature, several times over. */
export const MAX_MESSAGE_BYTES = 256 * 1024

export const CONNECT_MS = 3_000

/** Nobody answers there now. Whoever sent decides whether to do without. */
export class PeerUnreachable extends Error {
  override readonly name = 'PeerUnreachable'
  readonly peer: NodeName

  constructor(peer: NodeName, cause?: unknown) {
    super('a peer cannot be reached', { cause })
    this.peer = peer
  }
}
