import { callerRequest } from '@tandem/wire'
import { askAround } from './handover.ts'
import { allKeys, endPending, purge } from './keys.ts'
import type { Node } from './node.ts'

/** A process that begins has no session: what was PENDING broke off with the one before. */
export async function recover(node: Node): Promise<void> {
  for await (const { keyId, pending } of allKeys(node)) if (pending) await endPending(node, keyId)
}

/** @returns how to stop; resolves when a sweep that runs is over */
export function sweepEvery(node: Node): () => Promise<void> {
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running
      .then(() => sweepCommittee(node))
      .catch((cause: unknown) => {
        node.log.warn({ event: 'sweep.failed', cause })
      })
  }, node.timing.sweepMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}

/** Leases that have ended, deletions that somebody has not heard of or that are due, runs whose end we do not know. */
async function sweepCommittee(node: Node): Promise<void> {
  const now = node.now()
  for await (const { keyId, pending, deletion, current, stages } of allKeys(node)) {
    if (pending && pending.until <= now) {
      node.sessions.end(pending.sessionId)
      await endPending(node, keyId, pending.sessionId)
    }
    if (!deletion) continue
    const request = callerRequest.parse(JSON.parse(deletion.request))
    if (deletion.missing.length > 0 && deletion.purgeAt > now) node.post.broadcast({ type: 'keyDelete', request })
    if (deletion.purgeAt <= now && (current || stages.length > 0)) await purge(node, keyId)
  }
  await askAround(node, 'undecided')
  await node.store.sweep()
}
