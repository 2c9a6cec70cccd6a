import type { IncomingMessage } from 'node:http'
import { WireError } from '@tandem/wire'

/** A request as Node, or the Functions Framework, which may have read the body already, hands it over. */
export type NodeRequest = IncomingMessage & { readonly rawBody?: Uint8Array; readonly originalUrl?: string }

/** What is too long is read a while longer and dropped: a client that is still sending would not see our answer. */
const DISCARD_FACTOR = 16

/**
 * The body's bytes, never more than `maxBytes` of them in memory.
 *
 * @throws {WireError} PAYLOAD_TOO_LARGE; VALIDATION_FAILED if it is compressed or the client stopped sending
 */
export async function readBody(req: NodeRequest, maxBytes: number): Promise<Uint8Array> {
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new WireError('VALIDATION_FAILED', 'the body is compressed')
  if (req.rawBody !== undefined) return bounded(req.rawBody, maxBytes)
  if (Number(req.headers['content-length'] ?? 0) > maxBytes * DISCARD_FACTOR) throw new WireError('PAYLOAD_TOO_LARGE')
  return receive(req, maxBytes)
}

async function receive(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of req as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      if (size > maxBytes * DISCARD_FACTOR) break
    }
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'the body ended early', { cause })
  }
  if (size > maxBytes) throw new WireError('PAYLOAD_TOO_LARGE')
  return Buffer.concat(chunks)
}

function bounded(body: Uint8Array, maxBytes: number): Uint8Array {
  if (body.length > maxBytes) throw new WireError('PAYLOAD_TOO_LARGE')
  return body
}
