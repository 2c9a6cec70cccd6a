import { StoreError } from './errors.ts'
import type { Api, ProtoWrite } from './firestore-api.ts'
import { backoff, commitBeside, type Seen, stillHolds } from './firestore-commit.ts'
import {
  type Content,
  contentOf,
  deleteWrite,
  docOf,
  type Found,
  find,
  foundIn,
  lives,
  pathOf,
  putWrite,
  unchanged,
} from './firestore-documents.ts'
import { nameOf } from './ref.ts'
import type { Data, Ref, Transaction } from './types.ts'

/** What the steps of a store work on. */
export type Database = { readonly api: Api; readonly now: () => number }

type Step = { readonly kind: 'create' | 'update' | 'delete'; readonly ref: Ref; readonly content?: Content }

/** One run of a transaction's function: what it read, by document name, and what it wants written. */
type Attempt = {
  readonly tx: Transaction
  /** no call of `tx` is honoured from now on */
  readonly end: () => void
  readonly reads: ReadonlyMap<string, Promise<Found | undefined>>
  readonly steps: readonly Step[]
}

type Outcome<R> = { readonly value: R } | { readonly error: unknown }

/**
 * Optimistic: `fn` runs without any lock. The commit demands that every document it writes is as it was read; documents
 * that are only read are held by a transaction of Firestore's for that moment. So nobody waits for a slow `fn`, and the
 * function may itself write through the store. An error that `fn` throws counts only if its reads still hold.
 *
 * @throws {StoreError} CONFLICT when the last attempt was overtaken too
 */
export async function runTransaction<R>(
  database: Database,
  fn: (tx: Transaction) => Promise<R>,
  maxAttempts: number,
): Promise<R> {
  for (let n = 1; n <= maxAttempts; n++) {
    const attempt = openAttempt(database)
    const outcome = await conclude(database, attempt, await settle(fn, attempt))
    if (outcome !== undefined) {
      if ('value' in outcome) return outcome.value
      throw outcome.error
    }
    if (n < maxAttempts) await backoff(n)
  }
  throw new StoreError('CONFLICT', `a transaction was overtaken ${maxAttempts} times`)
}

async function settle<R>(fn: (tx: Transaction) => Promise<R>, attempt: Attempt): Promise<Outcome<R>> {
  try {
    return { value: await fn(attempt.tx) }
  } catch (error) {
    return { error }
  } finally {
    attempt.end()
  }
}

function openAttempt({ api, now }: Database): Attempt {
  const reads = new Map<string, Promise<Found | undefined>>()
  const steps: Step[] = []
  let ended = false

  const add = (step: Step) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    steps.push(step)
  }
  const get = async <T extends Data>(ref: Ref<T>) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    if (steps.length > 0) throw new TypeError('in a transaction reads come before writes')
    const path = pathOf(api.root, ref)
    const reading = reads.get(path) ?? find(api, ref)
    reads.set(path, reading)
    const found = await reading
    return lives(found, now()) ? docOf<T>(found) : undefined
  }

  return {
    tx: {
      get,
      create: (ref, data, options = {}) => add({ kind: 'create', ref, content: contentOf(ref, data, options) }),
      update: (ref, data, options = {}) => add({ kind: 'update', ref, content: contentOf(ref, data, options) }),
      delete: (ref) => add({ kind: 'delete', ref }),
    },
    end: () => void (ended = true),
    reads,
    steps,
  }
}

/** @returns what `runTransaction` shall answer or throw; undefined if the attempt was overtaken */
async function conclude<R>(
  { api, now }: Database,
  { reads, steps }: Attempt,
  outcome: Outcome<R>,
): Promise<Outcome<R> | undefined> {
  const read = new Map(await Promise.all([...reads].map(async ([path, found]) => [path, await found] as const)))
  if ('error' in outcome) return (await stillHolds(api, read)) ? outcome : undefined

  const seen = await lookUp(api, steps, read)
  const plan = planWrites(api.root, steps, seen, now())
  if ('error' in plan) return (await stillHolds(api, seen)) ? plan : undefined
  if (plan.writes.length === 0) return (await stillHolds(api, seen)) ? outcome : undefined
  const { refused } = await commitBeside(api, plan.writes, plan.beside)
  return refused === undefined ? outcome : undefined
}

/** `read`, and what is created or updated without having been read. */
async function lookUp(api: Api, steps: readonly Step[], read: Seen): Promise<Seen> {
  const targets = steps.filter(({ kind }) => kind !== 'delete').map(({ ref }) => pathOf(api.root, ref))
  const unread = [...new Set(targets)].filter((path) => !read.has(path))
  const found = new Map((await api.read(unread)).map((document) => [document.name, foundIn(document)]))
  return new Map([...read, ...unread.map((path) => [path, found.get(path)] as const)])
}

type Plan = { readonly writes: readonly ProtoWrite[]; readonly beside: Seen } | { readonly error: StoreError }

/** Plays the steps through, in order; what is left is one write for each document. */
function planWrites(root: string, steps: readonly Step[], seen: Seen, now: number): Plan {
  const after = new Map<string, Content | undefined>()
  for (const { kind, ref, content } of steps) {
    const path = pathOf(root, ref)
    const there = after.has(path) ? after.get(path) !== undefined : lives(seen.get(path), now)
    if (kind === 'create' && there) return { error: new StoreError('EXISTS', nameOf(ref)) }
    if (kind === 'update' && !there) return { error: new StoreError('MISSING', nameOf(ref)) }
    after.set(path, content)
  }

  const writes = [...after].flatMap(([path, content]) => writeOf(path, content, seen))
  const written = new Set(writes.map((write) => write.update?.name ?? write.delete))
  return { writes, beside: new Map([...seen].filter(([path]) => !written.has(path))) }
}

function writeOf(path: string, content: Content | undefined, seen: Seen): readonly ProtoWrite[] {
  const found = seen.get(path)
  if (content !== undefined) return [putWrite(path, content, unchanged(found))]
  if (!seen.has(path)) return [deleteWrite(path)]
  return found === undefined ? [] : [deleteWrite(path, unchanged(found))]
}
