/** A frame on a stream: its length, four bytes big-endian, and its bytes. Source: docs/spec/committee.md, 2.4. */
const HEADER_BYTES = 4

export function encodeFrame(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + bytes.length)
  new DataView(out.buffer).setUint32(0, bytes.length)
  out.set(bytes, HEADER_BYTES)
  return out
}

/** Never holds more than one frame and the chunk that ends it. */
export type FrameReader = {
  /** @throws {RangeError} for a frame longer than allowed, before anything of it is kept */
  readonly push: (chunk: Uint8Array) => Uint8Array[]
}

export function frameReader(maxBytes: number): FrameReader {
  let parts: Uint8Array[] = []
  let held = 0
  let wanted = HEADER_BYTES
  return {
    push: (chunk) => {
      parts.push(chunk)
      held += chunk.length
      const frames: Uint8Array[] = []
      // Joined only when something comes of it: many small chunks are not copied again and again.
      while (held >= wanted) {
        const whole = Buffer.concat(parts)
        const length = whole.readUInt32BE(0)
        if (length > maxBytes) throw new RangeError('a frame is longer than allowed')
        const end = HEADER_BYTES + length
        if (held >= end) frames.push(Uint8Array.from(whole.subarray(HEADER_BYTES, end)))
        const rest = held >= end ? whole.subarray(end) : whole
        wanted = held >= end ? HEADER_BYTES : end
        parts = rest.length === 0 ? [] : [rest]
        held = rest.length
      }
      return frames
    },
  }
}
