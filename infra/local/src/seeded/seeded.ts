import { createHash } from 'node:crypto'
import type { Rng } from '@tandem/rounds'

/**
 * Bytes that follow from a seed: SHA-256 in counter mode. Whoever knows the seed knows every key that was made with them, so
 * only `npm start -- --deterministic` has it, and no service can be told to.
 */
export function seeded(seed: string): Rng {
  const key = createHash('sha256').update(`tandem deterministic/1 ${seed}`).digest()
  let counter = 0n
  const block = () => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(counter++)
    return createHash('sha256').update(key).update(bytes).digest()
  }
  return (n) => {
    const out = new Uint8Array(n)
    for (let at = 0; at < n; at += 32) out.set(block().subarray(0, Math.min(32, n - at)), at)
    return out
  }
}
