import { type Incoming, type Route, route } from '@tandem/service'
import { isStoreError, type Ref, ref, type Store } from '@tandem/store'
import { type DeadLetter, deadLettersResponse, eventIdField, replayResponse, WireError } from '@tandem/wire'
import { z } from 'zod'
import { underLease } from './lease.ts'
import type { SendWebhook } from './webhook.ts'

const COLLECTION = 'dead-letters'

const PAGE = 100

const letterAt = (id: string): Ref<DeadLetter> => ref(COLLECTION, id)

/** Puts away what no attempt delivered. Repeatable: the first one stays. */
export async function bury(store: Store, letter: DeadLetter): Promise<void> {
  try {
    await store.create(letterAt(letter.event.id), letter)
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
  }
}

export type DeadLetterDeps = {
  readonly store: Store
  readonly send: SendWebhook
  readonly leaseMs: number
  readonly now: () => number
  /** @throws {WireError} unless the caller is the backend, in nobody's name */
  readonly caller: (incoming: Incoming) => Promise<void>
}

/** For the operator: what was never delivered, and another attempt. Source: docs/spec/events.md 4.5. */
export function deadLetterRoutes(deps: DeadLetterDeps): Route[] {
  const { store, caller } = deps
  return [
    route({
      method: 'GET',
      path: '/admin/dead-letters',
      caller,
      query: z.strictObject({ after: eventIdField.optional() }),
      response: deadLettersResponse,
      handle: async ({ queryFields: { after } }) => {
        const page = await store.list<DeadLetter>(COLLECTION, {
          limit: PAGE,
          ...(after === undefined ? {} : { after }),
        })
        const next = page.next === undefined ? {} : { next: page.next }
        return { status: 200, body: { deadLetters: page.docs.map(({ data }) => data), ...next } }
      },
    }),
    route({
      method: 'POST',
      path: '/admin/dead-letters/:id/replay',
      caller,
      params: z.strictObject({ id: eventIdField }),
      response: replayResponse,
      handle: async ({ params: { id } }) => ({ status: 200, body: await replay(deps, id) }),
    }),
  ]
}

/** One attempt, now. Whatever has overtaken it at the backend stays: the backend applies what is newer, and only that. */
async function replay({ store, send, leaseMs, now }: DeadLetterDeps, id: string) {
  const letter = (await store.get(letterAt(id)))?.data
  if (letter === undefined) throw new WireError('NOT_FOUND')
  const free = await underLease(store, letter.event.data.keyId, { leaseMs, now }, async () => {
    const reason = await send(letter.event)
    if (reason !== undefined) throw new WireError('UNAVAILABLE', `the backend did not take it: ${reason}`)
    await store.delete(letterAt(id))
  })
  if (!free) throw new WireError('KEY_BUSY')
  return { id, status: 'delivered' as const }
}
