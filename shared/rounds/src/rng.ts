import { sha256 } from '@noble/hashes/sha2.js'

/** `n` random bytes. A parameter everywhere below the services; in production only {@link hedged} over the platform's CSPRNG. */
export type Rng = (n: number) => Uint8Array

/**
 * Mixes a CSPRNG with a key of this process and a counter, so that a generator that repeats itself (a cloned machine,
 * a restored snapshot) does not repeat a nonce. Spec: session rules, 6.
 *
 * @param source   the platform's CSPRNG
 * @param personal anything that tells this process from its clones: pid, start time, instance name
 */
export function hedged(source: Rng, personal: Uint8Array): Rng {
  const seed = source(32)
  const key = sha256(concat(seed, personal))
  let counter = 0n
  return (n) => {
    const out = new Uint8Array(n)
    const fresh = source(n)
    for (let at = 0; at < n; at += 32) {
      counter += 1n
      const mask = sha256(concat(key, counterBytes(counter), fresh.subarray(at, at + 32)))
      for (let i = at; i < Math.min(n, at + 32); i++) out[i] = fresh[i]! ^ mask[i - at]!
    }
    return out
  }
}

function counterBytes(counter: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, counter, true)
  return bytes
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}
