import { type Ref, ref, type Store } from '@tandem/store'
import type { KeyEvent, KeyStatus } from '@tandem/wire'

/** The last that was heard of a key. */
export type KeyState = {
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly seq: number
  readonly status: KeyStatus
  readonly epoch: number
}

/** What Sigpair has told of keys. It may be late; who needs to know asks Sigpair. Spec: docs/spec/events.md, section 6. */
export type KeyStates = {
  /** Takes an event once, and lets nothing older replace what is newer. Both in one transaction: a crash loses neither. */
  readonly apply: (event: KeyEvent) => Promise<'applied' | 'older' | 'repeated'>
  readonly find: (owner: string, keyId: string) => Promise<KeyState | undefined>
}

/** Longer than anybody sends the same event. */
const REMEMBERED_MS = 7 * 24 * 3_600_000

const stateAt = (keyId: string): Ref<KeyState> => ref('key-states', keyId.toLowerCase())

const seenAt = (id: string): Ref => ref('webhooks', id)

export function keyStates(store: Store, now: () => number): KeyStates {
  return {
    apply: ({ id, data: { keyId, owner, seq, status, epoch } }) =>
      store.transaction(async (tx) => {
        const seen = await tx.get(seenAt(id))
        const known = await tx.get(stateAt(keyId))
        if (seen) return 'repeated'
        tx.create(seenAt(id), { seq }, { expireAt: now() + REMEMBERED_MS })
        if (known && known.data.seq >= seq) return 'older'
        const state = { owner, seq, status, epoch }
        if (known) tx.update(stateAt(keyId), state)
        else tx.create(stateAt(keyId), state)
        return 'applied'
      }),
    find: async (owner, keyId) => {
      const state = (await store.get(stateAt(keyId)))?.data
      return state?.owner === owner ? state : undefined
    },
  }
}
