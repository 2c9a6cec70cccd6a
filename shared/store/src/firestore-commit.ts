import { setTimeout as sleep } from 'node:timers/promises'
import type { Api, Commit, ProtoDocument, ProtoWrite } from './firestore-api.ts'
import type { Found } from './firestore-documents.ts'
import { timeText } from './firestore-value.ts'

const MAX_ATTEMPTS = 10

/** Documents by name, as somebody has seen them; undefined: there was none. */
export type Seen = ReadonlyMap<string, Found | undefined>

export const backoff = (attempt: number) => sleep(Math.random() * Math.min(2 ** attempt * 5, 500))

/** Tries again while others are in the way. */
export async function commitPatiently(api: Api, writes: readonly ProtoWrite[]): Promise<Commit> {
  for (let attempt = 1; ; attempt++) {
    const commit = await api.commit(writes)
    if (commit.refused !== 'contention' || attempt === MAX_ATTEMPTS) return commit
    await backoff(attempt)
  }
}

/** Commits `writes` if also the documents of `seen`, which are not written to, are as they were. */
export async function commitBeside(api: Api, writes: readonly ProtoWrite[], seen: Seen): Promise<Commit> {
  if (seen.size === 0) return api.commit(writes)
  const held = await api.hold([...seen.keys()])
  if (held === undefined) return { refused: 'contention' }
  const commit = agree(seen, held.documents)
    ? await api.commit(writes, held.transaction)
    : ({ refused: 'precondition' } as const)
  if (commit.refused !== undefined) await api.release(held.transaction)
  return commit
}

/** Whether all documents of `seen` are as they were, at one moment. */
export async function stillHolds(api: Api, seen: Seen): Promise<boolean> {
  return seen.size === 0 || agree(seen, await api.read([...seen.keys()]))
}

function agree(seen: Seen, documents: readonly ProtoDocument[]): boolean {
  const times = new Map(documents.map(({ name, updateTime }) => [name, timeText(updateTime ?? {})]))
  return [...seen].every(([name, found]) => times.get(name) === (found && timeText(found.updateTime)))
}
