import { count, type Log } from '@tandem/service'
import { type Doc, type Ref, ref, type Store } from '@tandem/store'
import type { KeyEvent } from '@tandem/wire'
import { bury } from './dead-letters.ts'
import type { EventSource } from './event-source.ts'
import { underLease } from './lease.ts'
import { SEND_MS, type SendWebhook } from './webhook.ts'

export type DeliverDeps = {
  readonly store: Store
  readonly acknowledge: EventSource['acknowledge']
  readonly send: SendWebhook
  /** tells whoever listens here and now; nobody has to */
  readonly announce: (event: KeyEvent) => void
  readonly rules: { readonly attempts: number; readonly backoffMs: number; readonly leaseMs: number }
  readonly log: Log
  /** ms since 1970 */
  readonly now: () => number
  /** 0…1 */
  readonly random: () => number
  readonly signal: AbortSignal
}

/** How far the events of one key have come. */
type Progress = {
  /** of the last event that is done with */
  readonly seq: number
  /** at the event after that */
  readonly attempts: number
  /** ms since 1970; no attempt earlier */
  readonly notBefore: number
}

const START: Progress = { seq: 0, attempts: 0, notBefore: 0 }

const MAX_BACKOFF_MS = 30 * 60_000

/** What is forgotten after this is at worst sent again. */
const PROGRESS_MS = 30 * 24 * 3_600_000

/**
 * Sends the events of one key, oldest first; the next one only when the one before was taken or is a dead letter.
 *
 * @param events of one key, by `seq`; what another instance has sent meanwhile is passed over
 *
 * Source: docs/spec/events.md, section 4.
 */
export async function deliver(deps: DeliverDeps, keyId: string, events: readonly KeyEvent[]): Promise<void> {
  const { store, now, rules, signal } = deps
  await underLease(store, keyId, { leaseMs: rules.leaseMs, now }, async ({ until }) => {
    const ledger = await openLedger(store, keyId, now)
    const done: KeyEvent[] = []
    for (const event of events) {
      const mayStart = () => now() >= ledger.progress().notBefore && now() + SEND_MS <= until && !signal.aborted
      if (event.data.seq > ledger.progress().seq && mayStart()) await ledger.note(await attempt(deps, event, ledger))
      if (event.data.seq > ledger.progress().seq) break
      done.push(event)
    }
    if (done.length > 0) await deps.acknowledge(done)
  })
}

async function attempt(deps: DeliverDeps, event: KeyEvent, ledger: Ledger): Promise<Progress> {
  const { rules, now, log } = deps
  const { seq } = event.data
  const before = ledger.progress()
  if (before.attempts === 0) deps.announce(event)
  const reason = await deps.send(event)
  count('tandem.webhooks', { 'tandem.webhook': reason === undefined ? 'delivered' : 'refused' })
  if (reason === undefined) return { ...START, seq }

  const attempts = before.attempts + 1
  log.warn({ event: 'webhook.refused', id: event.id, keyId: event.data.keyId, attempts, reason })
  if (attempts < rules.attempts) return { ...before, attempts, notBefore: now() + backoff(deps, attempts) }
  await bury(deps.store, { event, attempts, reason, diedAt: new Date(now()).toISOString() })
  count('tandem.webhooks', { 'tandem.webhook': 'dead' })
  log.error({ event: 'webhook.dead', id: event.id, keyId: event.data.keyId })
  return { ...START, seq }
}

/** Doubles; between half of it and all of it, so that what failed together does not come back together. */
function backoff({ rules, random }: DeliverDeps, attempts: number): number {
  const ms = Math.min(rules.backoffMs * 2 ** (attempts - 1), MAX_BACKOFF_MS)
  return Math.ceil(ms / 2 + (ms / 2) * random())
}

type Ledger = { readonly progress: () => Progress; readonly note: (progress: Progress) => Promise<void> }

/** Read once, under the lease. If the lease ran out and another wrote meanwhile, `note` fails with CONFLICT. */
async function openLedger(store: Store, keyId: string, now: () => number): Promise<Ledger> {
  const at: Ref<Progress> = ref('event-progress', keyId)
  let doc: Pick<Doc<Progress>, 'data' | 'version'> | undefined = await store.get(at)
  return {
    progress: () => doc?.data ?? START,
    note: async (data) => {
      const expireAt = now() + PROGRESS_MS
      const version = doc
        ? await store.update(at, data, { ifVersion: doc.version, expireAt })
        : await store.create(at, data, { expireAt })
      doc = { data, version }
    },
  }
}
