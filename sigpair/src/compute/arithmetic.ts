import { randomBytes } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { native } from '@tandem/ec-native'
import { type Backend, noble, selfTest } from '@tandem/ecdsa'
import { hedged, type Rng, UsageError } from '@tandem/rounds'
import { utf8 } from '@tandem/wire'

/** What a thread computes with. */
export type Arithmetic = { readonly backend: Backend; readonly rng: Rng }

let prepared: Arithmetic | undefined

/**
 * The fastest backend this machine has, and its CSPRNG mixed with what tells this thread from its clones.
 *
 * @throws {Error} if the known answers of the protocol do not come out: such a thread would accuse honest devices
 */
export function arithmetic(): Arithmetic {
  prepared ??= prepare()
  return prepared
}

/**
 * For a thread of a composition root that is no service: it draws from `rng` instead.
 *
 * @throws {UsageError} once this thread has drawn: nobody may be surprised
 */
export function drawFrom(rng: Rng): void {
  if (prepared !== undefined) throw new UsageError('this thread has its generator')
  prepared = { backend: testedBackend(), rng }
}

function prepare(): Arithmetic {
  const backend = testedBackend()
  const personal = utf8(`${process.pid} ${threadId} ${process.hrtime.bigint()}`)
  return { backend, rng: hedged((n) => new Uint8Array(randomBytes(n)), personal) }
}

function testedBackend(): Backend {
  const backend = native() ?? noble
  if (!selfTest(backend)) throw new Error('the known answers do not come out: this machine computes wrong')
  return backend
}
