import { WireError } from '@tandem/wire'
import type { Drain } from './drain.ts'
import { type Route, route } from './routes.ts'

/** Longer than this and a dependency counts as gone. */
const CHECK_MS = 2_000

/** Probes come from outside too; they must not become load on the store or KMS. */
const FRESH_MS = 1_000

/**
 * `GET /health/live`: the process answers. `GET /health/ready`: it may get work: every check holds and it is not
 * draining; else UNAVAILABLE naming the checks that failed, not why.
 *
 * @param checks each rejects if the dependency of that name cannot be used
 */
export function healthRoutes(checks: Readonly<Record<string, () => Promise<unknown>>>, drain?: Drain): Route[] {
  let last: { readonly at: number; readonly failed: Promise<readonly string[]> } | undefined
  const failedChecks = () => {
    if (last === undefined || performance.now() - last.at > FRESH_MS)
      last = { at: performance.now(), failed: runChecks(checks) }
    return last.failed
  }

  return [
    route({ method: 'GET', path: '/health/live', handle: async () => ({ status: 200, body: { status: 'live' } }) }),
    route({
      method: 'GET',
      path: '/health/ready',
      handle: async () => {
        if (drain?.draining() === true) throw new WireError('UNAVAILABLE', 'draining')
        const failed = await failedChecks()
        if (failed.length > 0) throw new WireError('UNAVAILABLE', `not ready: ${failed.join(', ')}`)
        return { status: 200, body: { status: 'ready' } }
      },
    }),
  ]
}

/** The names of the checks that fail, or take too long. */
export async function runChecks(
  checks: Readonly<Record<string, () => Promise<unknown>>>,
  limitMs = CHECK_MS,
): Promise<readonly string[]> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ((await holds(check, limitMs)) ? [] : [name])),
  )
  return results.flat()
}

async function holds(check: () => Promise<unknown>, limitMs: number): Promise<boolean> {
  const limit = AbortSignal.timeout(limitMs)
  const late = new Promise<false>((resolve) => limit.addEventListener('abort', () => resolve(false), { once: true }))
  const checked = Promise.resolve()
    .then(check)
    .then(
      () => true,
      () => false,
    )
  return Promise.race([checked, late])
}
