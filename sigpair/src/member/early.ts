import type { Message, PartyIndex } from '@tandem/rounds'

/** Frames of sessions that the device has not opened here yet: it opens its legs one after the other. */
export type EarlyFrames = {
  readonly keep: (by: PartyIndex, session: string, message: Message) => void
  /** In the order they came; they are kept no longer. */
  readonly take: (session: string) => readonly Early[]
}

export type Early = { readonly by: PartyIndex; readonly message: Message }

/** Of one peer and session; a peer that keeps to the rounds has one there, or two. */
const MAX_FRAMES = 16

/** Of one peer, at a time. */
const MAX_SESSIONS = 64

/** A device that has opened one leg has opened all, or given up. */
const KEPT_MS = 30_000

type Waiting = { readonly since: number; readonly messages: readonly Message[] }

/** What is beyond the bounds of docs/spec/gateway.md 3.1 is dropped. */
export function openEarly(now: () => number): EarlyFrames {
  const byPeer = new Map<PartyIndex, Map<string, Waiting>>()
  return {
    keep(by, session, message) {
      const sessions = byPeer.get(by) ?? new Map<string, Waiting>()
      byPeer.set(by, sessions)
      dropOld(sessions, now())
      const known = sessions.get(session) ?? { since: now(), messages: [] }
      if (known.messages.length >= MAX_FRAMES) return
      if (!sessions.has(session) && sessions.size >= MAX_SESSIONS) return
      sessions.set(session, { ...known, messages: [...known.messages, message] })
    },
    take(session) {
      return [...byPeer].flatMap(([by, sessions]) => {
        dropOld(sessions, now())
        const waiting = sessions.get(session)?.messages ?? []
        sessions.delete(session)
        return waiting.map((message) => ({ by, message }))
      })
    },
  }
}

function dropOld(sessions: Map<string, Waiting>, now: number): void {
  for (const [session, { since }] of sessions) if (now - since >= KEPT_MS) sessions.delete(session)
}
