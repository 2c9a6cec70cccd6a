import type { SignedBroadcast } from '@tandem/ecdsa'
import type { CallerRequest } from '@tandem/wire'
import type { NodeName } from '../network.ts'
import { type Inbox, openInbox } from './inbox.ts'
import type { Operation } from './messages.ts'

/** One session at one node. */
export type Session = {
  readonly id: string
  readonly operation: Operation
  readonly request: CallerRequest
  readonly keyId: string
  readonly coordinator: NodeName
  /** ms since 1970 */
  readonly since: number
  readonly inbox: Inbox
  /** the broadcast parts that others have told us, signed */
  readonly seen: SignedBroadcast[]
  /** ends its run */
  readonly cancel: AbortController
  /** how far it is; round 0 until it has started */
  readonly progress: {
    round: number
    started: boolean
    /** who has which index in its runs */
    places: readonly NodeName[]
    readonly waitingFor: Set<NodeName>
  }
}

/** What runs here, and what ran lately: a session is prepared once and started once, however often it is said. */
export type Sessions = {
  readonly running: ReadonlyMap<string, Session>
  /** @returns undefined if it is over, another node's, or one too many */
  readonly open: (opening: Pick<Session, 'id' | 'request' | 'coordinator'>) => Session | undefined
  readonly end: (id: string) => void
  /** It was refused here; said again, it is judged again. */
  readonly forget: (id: string) => void
}

/** What one node may have others hold at a time; a peer that opens more is not answered. */
const MAX_SESSIONS = 1024
const REMEMBERED = 8192

export function openSessions(now: () => number): Sessions {
  const running = new Map<string, Session>()
  const ended = new Set<string>()
  return {
    running,
    open(opening) {
      const known = running.get(opening.id)
      if (known) return known.coordinator === opening.coordinator ? known : undefined
      if (ended.has(opening.id) || running.size >= MAX_SESSIONS) return undefined
      const session = start(opening, now())
      running.set(session.id, session)
      return session
    },
    forget(id) {
      running.get(id)?.cancel.abort()
      running.delete(id)
    },
    end(id) {
      running.get(id)?.cancel.abort()
      running.delete(id)
      ended.add(id)
      const [oldest] = ended
      if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest)
    },
  }
}

function start({ id, request, coordinator }: Pick<Session, 'id' | 'request' | 'coordinator'>, since: number): Session {
  return {
    ...{ id, request, coordinator, since },
    operation: request.method as Operation,
    keyId: request.params.keyId.toLowerCase(),
    inbox: openInbox(),
    seen: [],
    cancel: new AbortController(),
    progress: { round: 0, started: false, places: [], waitingFor: new Set() },
  }
}
