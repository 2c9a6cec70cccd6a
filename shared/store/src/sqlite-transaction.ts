import { setTimeout as sleep } from 'node:timers/promises'
import { checkWrite } from './data.ts'
import { decodeData, encodeData } from './encoding.ts'
import { StoreError } from './errors.ts'
import { nameOf } from './ref.ts'
import type { Row, Rows } from './sqlite-rows.ts'
import type { Data, Doc, Ref, Transaction, WriteOptions } from './types.ts'

/** One run of a transaction's function: what it read, and what it wants written. */
type Attempt = {
  readonly tx: Transaction
  /** no call of `tx` is honoured from now on */
  readonly end: () => void
  /** whether every document is still in the state it was read in (absent counts as one); only inside `atomically` */
  readonly readsHold: () => boolean
  readonly write: () => void
}

/**
 * Optimistic: `fn` runs without any lock, its reads are checked and its writes made in one SQLite transaction. An error
 * that `fn` throws counts only if its reads still hold: what it saw may have been two halves of different states.
 *
 * @throws {StoreError} CONFLICT when the last attempt was overtaken too
 */
export async function runTransaction<R>(
  rows: Rows,
  fn: (tx: Transaction) => Promise<R>,
  maxAttempts: number,
): Promise<R> {
  for (let n = 1; n <= maxAttempts; n++) {
    const attempt = openAttempt(rows)
    const outcome = await settle(fn, attempt)
    const commit = () => {
      if (!attempt.readsHold()) return 'overtaken'
      if ('value' in outcome) attempt.write()
      return 'done'
    }
    if (rows.atomically(commit) === 'done') {
      if ('value' in outcome) return outcome.value
      throw outcome.error
    }
    await sleep(Math.random() * Math.min(2 ** n, 64))
  }
  throw new StoreError('CONFLICT', `a transaction was overtaken ${maxAttempts} times`)
}

type Outcome<R> = { readonly value: R } | { readonly error: unknown }

async function settle<R>(fn: (tx: Transaction) => Promise<R>, attempt: Attempt): Promise<Outcome<R>> {
  try {
    return { value: await fn(attempt.tx) }
  } catch (error) {
    return { error }
  } finally {
    attempt.end()
  }
}

function openAttempt(rows: Rows): Attempt {
  const reads = new Map<string, { readonly ref: Ref; readonly row: Row | undefined }>()
  const writes: (() => void)[] = []
  let ended = false

  const add = (write: () => void) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    writes.push(write)
  }
  const get = async <T extends Data>(ref: Ref<T>) => {
    if (ended) throw new TypeError('the transaction is over: await its calls')
    if (writes.length > 0) throw new TypeError('in a transaction reads come before writes')
    const key = nameOf(ref)
    const known = reads.get(key) ?? { ref, row: rows.read(ref) }
    reads.set(key, known)
    return docOf<T>(known.row)
  }

  return {
    tx: {
      get,
      create: (ref, data, options) => add(createStep(rows, ref, data, options)),
      update: (ref, data, options) => add(updateStep(rows, ref, data, options)),
      delete: (ref) => add(() => rows.remove(ref)),
    },
    end: () => void (ended = true),
    readsHold: () => [...reads.values()].every(({ ref, row }) => rows.read(ref)?.version === row?.version),
    write: () => {
      for (const write of writes) write()
    },
  }
}

/** Encodes now, so that later changes to `data` do not matter; the step itself runs inside `atomically`. */
export function createStep(rows: Rows, ref: Ref, data: Data, options: WriteOptions = {}) {
  const text = checkedText(data, options)
  return () => {
    if (rows.read(ref) !== undefined) throw new StoreError('EXISTS', nameOf(ref))
    return rows.put(ref, text, options.expireAt)
  }
}

/** As {@link createStep}. */
export function updateStep(rows: Rows, ref: Ref, data: Data, options: WriteOptions & { ifVersion?: string } = {}) {
  const text = checkedText(data, options)
  return () => {
    const found = rows.read(ref)
    if (found === undefined) throw new StoreError('MISSING', nameOf(ref))
    if (options.ifVersion !== undefined && found.version !== options.ifVersion)
      throw new StoreError('CONFLICT', nameOf(ref))
    return rows.put(ref, text, options.expireAt)
  }
}

export function docOf<T extends Data>(row: Row | undefined): Doc<T> | undefined {
  if (row === undefined) return undefined
  return { id: row.id, data: decodeData(row.text) as T, version: row.version, expireAt: row.expireAt }
}

function checkedText(data: Data, options: WriteOptions): string {
  checkWrite(data, options)
  return encodeData(data)
}
