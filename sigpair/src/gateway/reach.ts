/** A device waits this long for a member that does not answer. */
const PROBE_MS = 1_000

/** Devices come in crowds; a member is asked once for all of them. */
const FRESH_MS = 1_000

/**
 * Which members answer `GET /health/ready`, by index, ascending; as of a second ago at most.
 *
 * @param urls of the members in the order of their indices, http(s) or ws(s), without path
 */
export function reachOf(urls: readonly string[]): () => Promise<readonly number[]> {
  let last: { readonly at: number; readonly reached: Promise<readonly number[]> } | undefined
  return async () => {
    if (last === undefined || performance.now() - last.at > FRESH_MS)
      last = { at: performance.now(), reached: probeAll(urls) }
    return last.reached
  }
}

async function probeAll(urls: readonly string[]): Promise<readonly number[]> {
  const ready = await Promise.all(urls.map(isReady))
  return ready.flatMap((yes, at) => (yes ? [at + 1] : []))
}

async function isReady(url: string): Promise<boolean> {
  try {
    const health = `${url.replace(/^ws/, 'http')}/health/ready`
    const answer = await fetch(health, { signal: AbortSignal.timeout(PROBE_MS), redirect: 'error' })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}
