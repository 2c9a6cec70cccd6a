import type { KeygenResult } from '@tandem/ecdsa'

/**
 * Overwrites secrets that have served. Best effort: the engine may have made copies. What was handed to another thread is
 * there now, and nothing is left here to overwrite.
 */
export function erase(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) if (secret.byteLength > 0) secret.fill(0)
}

/** The secret parts of a generated key. */
export function eraseStage({ share, pairs }: Pick<KeygenResult, 'share' | 'pairs'>): void {
  erase(share.secret)
  for (const { zeroSeed, asAlice, asBob } of pairs) {
    erase(zeroSeed, asAlice.seeds.punctured, asAlice.seeds.coPath, asBob.seeds.roots)
  }
}
