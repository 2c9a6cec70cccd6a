import { type Ref, ref, type Store } from '@tandem/store'
import type { KeyEvent, KeyStatus } from '@tandem/wire'

/** The last that was heard of a key. */
export type KeyState = {
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly seq: number
  readonly status: KeyStatus
  readonly epoch: number
  /** Sigpair's share has left it once: seconds since 1970. For ever. */
  readonly exportedAt?: number
}

/** What Sigpair has told of keys. It may be late; who needs to know asks Sigpair. Spec: docs/spec/events.md, section 6. */
export type KeyStates = {
  /**
   * Takes an event once, and lets nothing older replace what is newer, but never forgets an export. All in one transaction:
   * a crash loses nothing.
   */
  readonly apply: (event: KeyEvent) => Promise<'applied' | 'older' | 'repeated'>
  readonly find: (owner: string, keyId: string) => Promise<KeyState | undefined>
}

/** Longer than anybody sends the same event. */
const REMEMBERED_MS = 7 * 24 * 3_600_000

const stateAt = (keyId: string): Ref<KeyState> => ref('key-states', keyId.toLowerCase())

const seenAt = (id: string): Ref => ref('webhooks', id)

export function keyStates(store: Store, now: () => number): KeyStates {
  return {
    apply: (event) =>
      store.transaction(async (tx) => {
        const { keyId, seq } = event.data
        const seen = await tx.get(seenAt(event.id))
        const known = await tx.get(stateAt(keyId))
        if (seen) return 'repeated'
        tx.create(seenAt(event.id), { seq }, { expireAt: now() + REMEMBERED_MS })
        const state = after(known?.data, event)
        if (known) tx.update(stateAt(keyId), state)
        else tx.create(stateAt(keyId), state)
        return isOlder(known?.data, event) ? 'older' : 'applied'
      }),
    find: async (owner, keyId) => {
      const state = (await store.get(stateAt(keyId)))?.data
      return state?.owner === owner ? state : undefined
    },
  }
}

/** The state of a key once this was heard too. */
function after(known: KeyState | undefined, event: KeyEvent): KeyState {
  const { owner, seq, status, epoch } = event.data
  const latest = isOlder(known, event) ? known : { owner, seq, status, epoch }
  const exportedAt = known?.exportedAt ?? exportOf(event)
  return exportedAt === undefined ? latest : { ...latest, exportedAt }
}

function isOlder(known: KeyState | undefined, { data }: KeyEvent): known is KeyState {
  return known !== undefined && known.seq >= data.seq
}

function exportOf({ type, timestamp }: KeyEvent): number | undefined {
  const ms = type === 'key.exported' ? Date.parse(timestamp) : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}
