import { canonicalJson, type CallerRequest, type CommitteeDeletion, WireError } from '@tandem/wire'
import type { RequestOf } from '../committee.ts'
import type { NodeName } from '../network.ts'
import { verifyCallerRequest } from '../request.ts'
import { until } from './coordinate.ts'
import { changeKey, readKey } from './keys.ts'
import type { NoteOf } from './messages.ts'
import type { Node } from './node.ts'
import { repeat } from './post.ts'
import { emptyKey, keyOf, type KeyRecord } from './records.ts'

type Request = RequestOf<'keyDelete'>

/**
 * Our tombstone first, then everybody's. Nodes that are away hear of it when they are back: until then the deletion is
 * repeated with every sweep.
 *
 * Source: docs/spec/committee.md 5.6.
 */
export async function keyDelete(node: Node, request: Request): Promise<CommitteeDeletion> {
  const { keyId } = request.params
  verifyCallerRequest(request, node.callers, node.now())
  await node.policy(request)
  if (!(await readKey(node, keyId))) throw new WireError('NOT_FOUND', 'keyId')
  const { missing: awaited } = requireDeletion(await entomb(node, request, othersOf))
  const wake = new Set<() => void>()
  const stop = new AbortController()
  const { repeatMs: everyMs, readyMs: ms } = node.timing
  const signal = AbortSignal.any([stop.signal, node.closing.signal])
  void repeat(() => node.post.broadcast({ type: 'keyDelete', request }), { everyMs, ms, signal })
  let missing = awaited
  const watch = (changed: string) => {
    if (changed !== keyId.toLowerCase()) return
    void readKey(node, keyId).then((record) => {
      missing = record?.deletion?.missing ?? missing
      for (const one of wake) one()
    })
  }
  node.watchers.add(watch)
  try {
    await until(node, { wake }, Math.min(ms, 12 * everyMs), () => (missing.length === 0 ? true : undefined))
  } finally {
    node.watchers.delete(watch)
    stop.abort()
  }
  return deletionOf(node, await readKey(node, keyId), awaited)
}

function deletionOf(node: Node, record: KeyRecord | undefined, awaited: readonly NodeName[]): CommitteeDeletion {
  const { missing, purgeAt } = requireDeletion(record)
  const acknowledged = [node.self, ...awaited.filter((name) => !missing.includes(name))]
  return { keyId: record!.keyId, acknowledged, missing: [...missing], purgeAt: Math.ceil(purgeAt / 1000) }
}

function requireDeletion(record: KeyRecord | undefined): NonNullable<KeyRecord['deletion']> {
  if (!record?.deletion) throw new WireError('INTERNAL')
  return record.deletion
}

/** A tombstone, once: who is asked first awaits the others. Runs of this key end; the sealed record stays for the grace period. */
async function entomb(
  node: Node,
  request: CallerRequest,
  awaited: (node: Node, key: KeyRecord) => readonly NodeName[],
): Promise<KeyRecord> {
  const { keyId } = request.params
  const purgeAt = node.now() + node.timing.graceMs
  const record = await changeKey(node, keyId, (found) => {
    const key = found ?? emptyKey(keyId)
    if (key.status === 'DELETED') return key
    const deletion = { request: canonicalJson(request), purgeAt, missing: awaited(node, key) }
    return { ...key, status: 'DELETED', pending: null, deletion }
  })
  for (const session of node.sessions.running.values())
    if (session.keyId === record.keyId) node.sessions.end(session.id)
  return record
}

/** Everybody who may hold a share of it, as far as we know. */
function othersOf({ self }: Node, { current, stages }: KeyRecord): readonly NodeName[] {
  const holders = [...(current ? [current] : []), ...stages].flatMap((share) => keyOf(share).members)
  return [...new Set(holders)].filter((name) => name !== self)
}

/** By whomever it is brought, and however late: the caller's own request, as it was when it was made. */
export async function hearKeyDelete(node: Node, from: NodeName, { request }: NoteOf<'keyDelete'>): Promise<void> {
  if (from === node.self || request.method !== 'keyDelete') return
  verifyCallerRequest(request, node.callers, request.expiry * 1000 - 1)
  const { keyId } = request.params
  const known = await readKey(node, keyId)
  if (known?.status !== 'DELETED') await node.policy(request)
  // A node that never heard of the key buries the id too: nobody can generate it again.
  const record = await entomb(node, request, () => [])
  node.post.tell(from, { type: 'keyDeleted', keyId: record.keyId })
}

export async function hearKeyDeleted(node: Node, from: NodeName, { keyId }: NoteOf<'keyDeleted'>): Promise<void> {
  const known = await readKey(node, keyId)
  if (!known?.deletion?.missing.includes(from)) return
  await changeKey(node, keyId, (record) => {
    if (!record?.deletion) throw new WireError('INTERNAL')
    const missing = record.deletion.missing.filter((name) => name !== from)
    return { ...record, deletion: { ...record.deletion, missing } }
  })
}
