import type { Caller } from '@tandem/service'
import { type KeyStatusResponse, WireError } from '@tandem/wire'
import type { KeyState } from '../ports/key-states.ts'
import type { KeyView } from './profile-view.ts'

export type LastKnownDeps = {
  readonly readKey: (caller: Caller, keyId: string) => Promise<KeyStatusResponse>
  readonly findState: (owner: string, keyId: string) => Promise<KeyState | undefined>
}

/**
 * What Sigpair says of a key; while it cannot be reached, what it last told of it by webhook. For showing, never for
 * deciding. Spec: docs/spec/events.md, 6.3.
 */
export const lastKnown =
  ({ readKey, findState }: LastKnownDeps) =>
  async (caller: Caller, keyId: string): Promise<KeyView> => {
    try {
      return await readKey(caller, keyId)
    } catch (cause) {
      const code = cause instanceof WireError ? cause.code : undefined
      if (code !== 'DUO_NODE_UNAVAILABLE' && code !== 'KEY_DELETED') throw cause
      const state = await findState(caller.sub, keyId)
      // A profile outlives its key only if the deletion was cut off: its owner must see it to repeat it.
      if (code === 'KEY_DELETED') return { status: 'DELETED', epoch: state?.epoch ?? 0, presignatures: 0 }
      if (state === undefined) throw cause
      // Whatever is in stock, nothing can be signed now.
      const { status, epoch, exportedAt } = state
      return { status, epoch, presignatures: 0, ...(exportedAt === undefined ? {} : { exportedAt }) }
    }
  }
