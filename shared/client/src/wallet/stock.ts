import { limits } from '@tandem/wire'

/**
 * Presignatures in memory, and only there: a copy on disk could be restored and used twice, which gives the key away.
 * Taking one removes it, whatever happens next.
 */
export type Stock<T> = {
  put(keyId: string, presignatures: readonly { readonly id: string; readonly value: T }[]): void
  /** the oldest of the lowest rank, or undefined; without `rank` all are alike. Rank undefined: not now. */
  take(keyId: string, rank?: (value: T) => number | undefined): T | undefined
  ids(keyId: string): string[]
  size(keyId: string): number
  /** forgets those that do not fit */
  keep(keyId: string, fits: (value: T) => boolean): void
  clear(keyId: string): void
}

/** @param now milliseconds; what is older than {@link limits.PRESIGNATURE_MS} is forgotten */
export function createStock<T>(now: () => number): Stock<T> {
  const byKey = new Map<string, Map<string, { readonly value: T; readonly since: number }>>()
  const fresh = (keyId: string) => {
    const known = byKey.get(keyId) ?? new Map<string, { readonly value: T; readonly since: number }>()
    byKey.set(keyId, known)
    for (const [id, { since }] of known) if (now() - since > limits.PRESIGNATURE_MS) known.delete(id)
    return known
  }
  return {
    put: (keyId, presignatures) => {
      for (const { id, value } of presignatures) fresh(keyId).set(id, { value, since: now() })
    },
    take: (keyId, rank = () => 0) => {
      let best: { readonly id: string; readonly value: T; readonly rank: number } | undefined
      for (const [id, { value }] of fresh(keyId)) {
        const own = rank(value)
        if (own !== undefined && (best === undefined || own < best.rank)) best = { id, value, rank: own }
      }
      if (best !== undefined) fresh(keyId).delete(best.id)
      return best?.value
    },
    ids: (keyId) => [...fresh(keyId).keys()],
    size: (keyId) => fresh(keyId).size,
    keep: (keyId, fits) => {
      const known = fresh(keyId)
      for (const [id, { value }] of known) if (!fits(value)) known.delete(id)
    },
    clear: (keyId) => {
      byKey.delete(keyId)
    },
  }
}
