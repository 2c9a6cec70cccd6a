import { randomBytes } from 'node:crypto'
import type { Log } from '@tandem/service'
import { ENVELOPE_BYTES, EnvelopeRefused, openEnvelope } from '../envelope.ts'
import { MAX_MESSAGE_BYTES, type NodeName } from '../network.ts'
import { allowances, openAllowance } from './allowance.ts'
import { encodeFrame, frameReader } from './frames.ts'
import type { CommitteeNode, Stream } from './node.ts'
import type { Pinned } from './pinned.ts'

export const PROTOCOL = '/tandem/committee/1'

/** Drawn by the receiver for each stream, and in every envelope on it: nothing from another stream can be played there. */
export const PLACE_BYTES = 32

/** One, and its successor when the peer has come back before we noticed that it was gone. */
const STREAMS_PER_CONNECTION = 4

/** In bytes. Fifty keys at once are a tenth of the most; a peer that floods costs a tenth of a core. */
const ALLOWANCE = { perSecond: 8 * 1024 * 1024, most: 32 * 1024 * 1024 }

/**
 * Takes streams of pinned peers, one of each at a time: a newer one ends the older.
 *
 * @param options.hear what each peer sent to this node, in order
 */
export async function acceptStreams(
  node: CommitteeNode,
  options: {
    readonly self: NodeName
    readonly pinned: Pinned
    readonly log: Log
    readonly hear: (from: NodeName, payload: Uint8Array) => void
  },
): Promise<void> {
  const { self, pinned, log, hear } = options
  const streams = new Map<NodeName, Stream>()
  const allowanceOf = allowances(() => openAllowance(ALLOWANCE))
  const accept = (stream: Stream, { remotePeer }: { readonly remotePeer: { toString(): string } }) => {
    const from = pinned.nameOf(remotePeer)
    if (from === undefined) return stream.abort(new Error('not pinned'))
    streams.get(from)?.abort(new Error('a newer stream of the same peer'))
    streams.set(from, stream)
    stream.addEventListener('close', () => {
      if (streams.get(from) === stream) streams.delete(from)
    })
    const open = reader({ self, from }, (payload) => {
      if (streams.get(from) === stream) hear(from, payload)
    })
    const push = (chunk: Uint8Array) => {
      open.push(chunk)
      const ms = allowanceOf(from).spend(chunk.length)
      if (ms > 0) rest(stream, ms)
    }
    listen(stream, push, (cause) => {
      log.warn({ event: 'stream-refused', peer: from, cause })
      stream.abort(new Error('refused'))
    })
    stream.send(encodeFrame(open.place))
  }
  await node.handle(PROTOCOL, accept, { maxInboundStreams: STREAMS_PER_CONNECTION })
}

/** Nothing is read: the peer's own buffer fills, and nobody else's stream waits. */
function rest(stream: Stream, ms: number): void {
  stream.pause()
  const timer = setTimeout(() => {
    if (stream.status === 'open') stream.resume()
  }, ms)
  timer.unref()
}

function reader(
  { self, from }: { readonly self: NodeName; readonly from: NodeName },
  hear: (payload: Uint8Array) => void,
) {
  const place = new Uint8Array(randomBytes(PLACE_BYTES))
  const frames = frameReader(ENVELOPE_BYTES + MAX_MESSAGE_BYTES)
  const expected = { kind: 'message', to: self, place, from: (name: NodeName) => name === from } as const
  let last = 0n
  const push = (chunk: Uint8Array) => {
    for (const frame of frames.push(chunk)) {
      const { sequence, payload } = openEnvelope(frame, expected)
      if (sequence !== last + 1n) throw new EnvelopeRefused('repeated or out of order')
      last = sequence
      hear(payload)
    }
  }
  return { place, push }
}

/** @param refuse once, for what `push` throws; nothing is read after */
export function listen(stream: Stream, push: (chunk: Uint8Array) => void, refuse: (cause: unknown) => void): void {
  let reading = true
  stream.addEventListener('message', ({ data }) => {
    if (!reading) return
    try {
      push(data instanceof Uint8Array ? data : data.subarray())
    } catch (cause) {
      reading = false
      refuse(cause)
    }
  })
  // A side that stays open counts against the 32 streams a protocol may have.
  stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined))
}
