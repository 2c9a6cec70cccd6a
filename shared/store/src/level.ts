import { checkWrite } from './data.ts'
import { decodeData, encodeData } from './encoding.ts'
import { StoreError } from './errors.ts'
import { type LevelRow, type LevelRows, type LevelWrite, openLevelRows } from './level-rows.ts'
import { checkQuery, nameOf } from './ref.ts'
import type { Data, Doc, ListQuery, Page, Ref, Store, Transaction, Version, WriteOptions } from './types.ts'

const MAX_ATTEMPTS = 10
const SWEEP = 1_000

/** A write that is wanted, and the state of its document that allows it. */
type Step = LevelWrite & { readonly allowed: (row: LevelRow | undefined) => void }

type Engine = {
  readonly rows: LevelRows
  /** living documents only */
  readonly read: (ref: Ref) => Promise<LevelRow | undefined>
  /** nothing else is written while `act` runs */
  readonly alone: <T>(act: () => Promise<T>) => Promise<T>
}

/**
 * The engine of a committee's node: a folder that one process has to itself. Erased documents leave the files at the next
 * sweep.
 *
 * @param options.path  the folder, created with mode 0700
 * @param options.clock ms since the epoch; decides what has expired
 * @throws {StoreError} UNAVAILABLE if the folder cannot be opened, or another process has it
 */
export async function openLevel(options: { readonly path: string; readonly clock?: () => number }): Promise<Store> {
  const { path, clock = Date.now } = options
  const engine = openEngine(await openLevelRows(path), clock)
  const one = async (step: Step) => (await commit(engine, [step]))[0]!
  return {
    get: async <T extends Data>(ref: Ref<T>) => docOf<T>(await engine.read(ref)),
    create: async (ref, data, write) => one(createStep(ref, data, write)),
    update: async (ref, data, write) => one(updateStep(ref, data, write)),
    delete: async (ref, { ifVersion } = {}) => void (await commit(engine, [deleteStep(ref, ifVersion)])),
    transaction: async (fn, { maxAttempts = MAX_ATTEMPTS } = {}) => transact(engine, fn, maxAttempts),
    list: async (collection, query) => list(engine, clock, collection, query),
    sweep: async (limit = SWEEP) => sweep(engine, clock, limit),
    close: () => engine.alone(() => engine.rows.close()),
  }
}

function openEngine(rows: LevelRows, clock: () => number): Engine {
  let turn: Promise<unknown> = Promise.resolve()
  return {
    rows,
    read: async (ref) => living(await rows.read(ref), clock),
    alone: async (act) => {
      const mine = turn.then(act, act)
      turn = mine.catch(() => undefined)
      return mine
    },
  }
}

function living(row: LevelRow | undefined, clock: () => number): LevelRow | undefined {
  return row === undefined || (row.expireAt !== undefined && row.expireAt <= clock()) ? undefined : row
}

/** @throws {StoreError} what a step does not allow; nothing is written then */
async function commit(engine: Engine, steps: readonly Step[]): Promise<readonly (Version | undefined)[]> {
  return engine.alone(() => commitAlone(engine, steps))
}

async function commitAlone({ rows, read }: Engine, steps: readonly Step[]): Promise<readonly (Version | undefined)[]> {
  for (const { ref, allowed } of steps) allowed(await read(ref))
  return rows.write(steps)
}

/** Optimistic, as on the other engines: what was read must still hold when the writes are made. */
async function transact<R>(engine: Engine, fn: (tx: Transaction) => Promise<R>, maxAttempts: number): Promise<R> {
  for (let n = 1; n <= maxAttempts; n++) {
    const attempt = openAttempt(engine)
    const outcome = await fn(attempt.tx).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    )
    attempt.end()
    const held = await engine.alone(async () => {
      if (!(await attempt.readsHold())) return false
      if ('value' in outcome) await commitAlone(engine, attempt.steps())
      return true
    })
    if (!held) continue
    if ('value' in outcome) return outcome.value
    throw outcome.error
  }
  throw new StoreError('CONFLICT', `a transaction was overtaken ${maxAttempts} times`)
}

function openAttempt(engine: Engine) {
  const reads = new Map<string, { readonly ref: Ref; readonly row: LevelRow | undefined }>()
  const steps = new Map<string, Step>()
  let ended = false

  const add = (step: Step) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    steps.set(nameOf(step.ref), after(steps.get(nameOf(step.ref)), step))
  }
  const get = async <T extends Data>(ref: Ref<T>) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    if (steps.size > 0) throw new TypeError('in a transaction reads come before writes')
    const known = reads.get(nameOf(ref)) ?? { ref, row: await engine.read(ref) }
    reads.set(nameOf(ref), known)
    return docOf<T>(known.row)
  }
  const tx: Transaction = {
    get,
    create: (ref, data, options) => add(createStep(ref, data, options)),
    update: (ref, data, options) => add(updateStep(ref, data, options)),
    delete: (ref) => add(deleteStep(ref, undefined)),
  }
  return {
    tx,
    end: () => void (ended = true),
    steps: () => [...steps.values()],
    readsHold: async () => {
      for (const { ref, row } of reads.values()) {
        if ((await engine.read(ref))?.version !== row?.version) return false
      }
      return true
    },
  }
}

/** Two writes of one document in one transaction: the second sees what the first leaves. */
function after(first: Step | undefined, second: Step): Step {
  if (first === undefined) return second
  const left = first.put && { id: second.ref.id, version: '' as Version, ...first.put }
  const allowed = (row: LevelRow | undefined) => {
    first.allowed(row)
    second.allowed(left)
  }
  return { ...second, allowed }
}

function createStep(ref: Ref, data: Data, options: WriteOptions = {}): Step {
  const allowed = (row: LevelRow | undefined) => {
    if (row !== undefined) throw new StoreError('EXISTS', nameOf(ref))
  }
  return { ref, put: checked(data, options), allowed }
}

function updateStep(ref: Ref, data: Data, options: WriteOptions & { readonly ifVersion?: Version } = {}): Step {
  const { ifVersion } = options
  const allowed = (row: LevelRow | undefined) => {
    if (row === undefined) throw new StoreError('MISSING', nameOf(ref))
    if (ifVersion !== undefined && row.version !== ifVersion) throw new StoreError('CONFLICT', nameOf(ref))
  }
  return { ref, put: checked(data, options), allowed }
}

function deleteStep(ref: Ref, ifVersion: Version | undefined): Step {
  const allowed = (row: LevelRow | undefined) => {
    if (ifVersion !== undefined && row?.version !== ifVersion) throw new StoreError('CONFLICT', nameOf(ref))
  }
  return { ref, put: undefined, allowed }
}

/** Encodes now, so that later changes to `data` do not matter. */
function checked(data: Data, options: WriteOptions): LevelWrite['put'] {
  checkWrite(data, options)
  return { text: encodeData(data), expireAt: options.expireAt }
}

function docOf<T extends Data>(row: LevelRow | undefined): Doc<T> | undefined {
  if (row === undefined) return undefined
  return { id: row.id, data: decodeData(row.text) as T, version: row.version, expireAt: row.expireAt }
}

async function list<T extends Data>(
  { rows }: Engine,
  clock: () => number,
  collection: string,
  query: ListQuery,
): Promise<Page<T>> {
  checkQuery(collection, query)
  const { limit, prefix = '' } = query
  const found: LevelRow[] = []
  let { after: last = '' } = query
  // Expired ones are in the way until they are swept.
  for (let more = true; more && found.length <= limit; ) {
    const read = await rows.range(collection, prefix, last, limit + 1)
    found.push(...read.flatMap((row) => living(row, clock) ?? []))
    more = read.length > limit
    last = read.at(-1)?.id ?? last
  }
  const page = found.slice(0, limit)
  return {
    docs: page.flatMap((row) => docOf<T>(row) ?? []),
    next: found.length > limit ? page.at(-1)?.id : undefined,
  }
}

async function sweep({ rows, alone, read }: Engine, clock: () => number, limit: number): Promise<number> {
  const erased = await alone(async () => {
    const expired = await rows.expired(clock(), limit)
    const dead: Ref[] = []
    for (const ref of expired) if ((await read(ref)) === undefined) dead.push(ref)
    await rows.write(dead.map((ref) => ({ ref, put: undefined })))
    return dead.length
  })
  await rows.compact()
  return erased
}
