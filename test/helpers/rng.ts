import { sha256 } from '@noble/hashes/sha2.js'
import type { Rng } from '@tandem/rounds'

/** A generator that gives the same bytes for the same seed, and independent children by name. */
export type SeededRng = Rng & { readonly fork: (name: string | number) => SeededRng }

/** Deterministic randomness for tests: SHA-256 in counter mode under the seed. */
export function seeded(seed: string | number): SeededRng {
  const key = sha256(new TextEncoder().encode(`tandem test rng ${seed}`))
  let counter = 0
  const next = () => {
    const block = new Uint8Array(36)
    block.set(key)
    new DataView(block.buffer).setUint32(32, counter++, true)
    return sha256(block)
  }
  const rng = (n: number) => {
    const out = new Uint8Array(n)
    for (let at = 0; at < n; at += 32) out.set(next().subarray(0, n - at), at)
    return out
  }
  return Object.assign(rng, { fork: (name: string | number) => seeded(`${seed}/${name}`) })
}
