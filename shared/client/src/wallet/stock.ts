import { limits } from '@tandem/wire'

/**
 * Presignatures in memory, and only there: a copy on disk could be restored and used twice, which gives the key away.
 * Taking one removes it, whatever happens next.
 */
export type Stock<T> = {
  put(keyId: string, presignatures: readonly { readonly id: string; readonly value: T }[]): void
  /** the oldest, or undefined */
  take(keyId: string): T | undefined
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
    take: (keyId) => {
      const [oldest] = fresh(keyId)
      if (oldest === undefined) return undefined
      fresh(keyId).delete(oldest[0])
      return oldest[1].value
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
