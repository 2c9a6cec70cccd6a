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
      if (!(cause instanceof WireError) || cause.code !== 'DUO_NODE_UNAVAILABLE') throw cause
      const state = await findState(caller.sub, keyId)
      if (state === undefined) throw cause
      // Whatever is in stock, nothing can be signed now.
      return { status: state.status, epoch: state.epoch, presignatures: 0 }
    }
  }
