import type { SignedBroadcast } from '@tandem/ecdsa'
import type { CallerRequest } from '@tandem/wire'
import type { NodeName } from '../network.ts'
import { type Early, type Inbox, openEarly, openInbox } from './inbox.ts'
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

/** What one node may have another hold at a time: who opens more is not answered, and takes nothing from the others. */
const MAX_SESSIONS = 512
const REMEMBERED = 8192

export function openSessions(now: () => number): Sessions {
  const running = new Map<string, Session>()
  const held = new Map<NodeName, number>()
  const ended = new Set<string>()
  const early = openEarly()
  const count = (coordinator: NodeName, change: 1 | -1) =>
    void held.set(coordinator, (held.get(coordinator) ?? 0) + change)
  const drop = (id: string) => {
    const session = running.get(id)
    if (!session) return
    running.delete(id)
    count(session.coordinator, -1)
    session.inbox.close()
    session.cancel.abort()
  }
  return {
    running,
    open(opening) {
      const known = running.get(opening.id)
      if (known) return known.coordinator === opening.coordinator ? known : undefined
      if (ended.has(opening.id) || (held.get(opening.coordinator) ?? 0) >= MAX_SESSIONS) return undefined
      const session = start(opening, now(), early)
      running.set(session.id, session)
      count(session.coordinator, 1)
      return session
    },
    forget: drop,
    end(id) {
      drop(id)
      ended.add(id)
      const [oldest] = ended
      if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest)
    },
  }
}

function start(
  { id, request, coordinator }: Pick<Session, 'id' | 'request' | 'coordinator'>,
  since: number,
  early: Early,
): Session {
  return {
    ...{ id, request, coordinator, since },
    operation: request.method as Operation,
    keyId: request.params.keyId.toLowerCase(),
    inbox: openInbox(early),
    seen: [],
    cancel: new AbortController(),
    progress: { round: 0, started: false, places: [], waitingFor: new Set() },
  }
}
