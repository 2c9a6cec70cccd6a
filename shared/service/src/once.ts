import { isStoreError, ref, type Store } from '@tandem/store'

/**
 * Spends something that may be used one time, in any process: whoever creates its record has it.
 *
 * @param expireAt ms; not before the thing itself is refused by its age, or it could be used again
 * @returns whether this call spent it
 */
export async function spend(store: Store, collection: string, id: string, expireAt: number): Promise<boolean> {
  try {
    await store.create(ref(collection, id), { spent: true }, { expireAt })
    return true
  } catch (error) {
    if (isStoreError(error, 'EXISTS')) return false
    throw error
  }
}

/** Clocks differ, and a token is accepted a little after its end: its record outlives it by this. */
const MARGIN_MS = 120_000

/**
 * Spends a token that has been verified.
 *
 * @param token its issuer, id, and end in seconds
 * @returns whether this was its first use
 */
export function spendToken(
  store: Store,
  token: { readonly iss: string; readonly jti: string; readonly exp: number },
): Promise<boolean> {
  return spend(store, 'spent-tokens', `${token.iss}:${token.jti}`, token.exp * 1000 + MARGIN_MS)
}
