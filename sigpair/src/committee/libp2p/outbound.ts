import { sealEnvelope } from '../envelope.ts'
import { CONNECT_MS, type NodeName, PeerUnreachable } from '../network.ts'
import type { NodeIdentity } from '../node-identity.ts'
import { encodeFrame, frameReader } from './frames.ts'
import { listen, PLACE_BYTES, PROTOCOL } from './inbound.ts'
import type { CommitteeNode, Stream } from './node.ts'
import type { PinnedPeer } from './pinned.ts'

/** What a peer that does not read may make us hold: thirty of the longest messages. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024

export type Outbound = {
  /** @throws {PeerUnreachable} */
  readonly send: (payload: Uint8Array) => Promise<void>
  readonly close: () => void
}

/** A stream that takes messages, and the place the receiver drew for it. */
type Ready = { readonly stream: Stream; readonly place: Uint8Array; sequence: bigint }

/**
 * The way to one peer: one stream, opened when first needed and again after it broke. What was on a stream that breaks is
 * lost, what comes after goes over the next.
 *
 * @param connected resolves when there is a connection; rejects at its deadline
 */
export function outboundTo(
  peer: PinnedPeer,
  options: {
    readonly node: CommitteeNode
    readonly identity: NodeIdentity
    readonly connected: (name: NodeName, signal: AbortSignal) => Promise<void>
  },
): Outbound {
  const { node, identity, connected } = options
  let current: Promise<Ready> | undefined

  const open = async (): Promise<Ready> => {
    const signal = AbortSignal.timeout(CONNECT_MS)
    await connected(peer.name, signal)
    const stream = await node.dialProtocol(peer.id, PROTOCOL, { signal })
    const place = await placeOf(stream, signal)
    return { stream, place, sequence: 0n }
  }
  // Everybody waits for the same promise, so that messages leave in the order of the calls.
  const ready = () => {
    if (current !== undefined) return current
    const opening = open()
    const forget = () => {
      if (current === opening) current = undefined
    }
    opening.then(({ stream }) => stream.addEventListener('close', forget), forget)
    current = opening
    return opening
  }
  return {
    send: async (payload) => {
      const line = await ready().catch((cause: unknown) => {
        throw new PeerUnreachable(peer.name, cause)
      })
      write(identity, peer.name, line, payload)
    },
    close: () => void current?.then(({ stream }) => stream.abort(new Error('closing'))).catch(() => undefined),
  }
}

/** @throws {PeerUnreachable} */
function write(identity: NodeIdentity, to: NodeName, line: Ready, payload: Uint8Array): void {
  const { stream, place } = line
  if (stream.writeBufferLength > MAX_BUFFERED_BYTES) throw new PeerUnreachable(to, 'its buffer is full')
  line.sequence += 1n
  const envelope = { kind: 'message', to, place, sequence: line.sequence, payload } as const
  try {
    stream.send(encodeFrame(sealEnvelope(identity, envelope)))
  } catch (cause) {
    stream.abort(new Error('cannot be written to'))
    throw new PeerUnreachable(to, cause)
  }
}

/** The first frame, and the only one, that comes back on a stream of ours. */
async function placeOf(stream: Stream, signal: AbortSignal): Promise<Uint8Array> {
  const frames = frameReader(PLACE_BYTES)
  let place: Uint8Array | undefined
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      const late = () => reject(new Error('no answer on a new stream'))
      signal.addEventListener('abort', late, { once: true })
      stream.addEventListener('close', () => reject(new Error('a new stream was closed')), { once: true })
      const push = (chunk: Uint8Array) => {
        for (const frame of frames.push(chunk)) {
          if (place !== undefined || frame.length !== PLACE_BYTES) throw new Error('not what a stream begins with')
          place = frame
          resolve(frame)
        }
      }
      listen(stream, push, (cause) => {
        stream.abort(new Error('refused'))
        reject(cause instanceof Error ? cause : new Error('refused', { cause }))
      })
      if (signal.aborted) late()
    })
  } catch (cause) {
    stream.abort(new Error('not opened'))
    throw cause
  }
}
