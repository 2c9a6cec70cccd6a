import { createHash } from 'node:crypto'
import type { Caller } from '@tandem/service'
import { isStoreError, ref, type Store } from '@tandem/store'
import { canonicalJson, type Intent, type TwoFactorCode } from '@tandem/wire'
import type { RequireTwoFactor } from './require.ts'

export type ProveOnceDeps = {
  readonly store: Store
  readonly requireTwoFactor: RequireTwoFactor
  /** @throws {WireError} `REQUEST_IN_PROGRESS` while somebody runs work of this name */
  readonly exclusively: <R>(name: string, work: () => Promise<R>) => Promise<R>
  /** ms since 1970 */
  readonly now: () => number
}

/**
 * Proves the second factor for what an intent allows, once: a repetition of the same intent has been proved already, and
 * its code would not work a second time. Spec: docs/spec/two-factor.md, 4.
 *
 * @throws {WireError} as {@link RequireTwoFactor}; `REQUEST_IN_PROGRESS` while the same intent is being proved
 */
export type ProveOnce = (caller: Pick<Caller, 'sub'>, intent: Intent, code: TwoFactorCode | undefined) => Promise<void>

/** An intent dies in ten minutes; what it did is answered again for longer, if somebody still asks. */
const REMEMBERED_MS = 24 * 3_600_000

export function proveOnce({ store, requireTwoFactor, exclusively, now }: ProveOnceDeps): ProveOnce {
  return async (caller, intent, code) => {
    const name = nameOf(caller.sub, intent)
    const proved = ref('proved-intents', name)
    const isProved = async () => (await store.get(proved)) !== undefined
    if (await isProved()) return
    await exclusively(`second-factor:${name}`, async () => {
      if (await isProved()) return
      await requireTwoFactor(caller, code)
      await store.create(proved, {}, { expireAt: now() + REMEMBERED_MS }).catch(unlessThere)
    })
  }
}

/** The whole intent, signature included: another one needs another proof. */
function nameOf(user: string, intent: Intent): string {
  return createHash('sha256').update(canonicalJson({ user, intent })).digest('base64url')
}

function unlessThere(cause: unknown): void {
  if (!isStoreError(cause, 'EXISTS')) throw cause
}
