import type { Doc, Transaction } from '@tandem/store'
import { limits, type RotationRecord, WireError } from '@tandem/wire'
import { appendAudit, type AuditTail, readAudit } from '../audit/audit.ts'
import { notePairStopped } from '../events/events.ts'
import type { PairRecord } from '../records.ts'
import { epochSsid, type PairName, pairAt, presignatureAt, runAt, type Stores } from '../stores.ts'

type Pairs = Pick<Stores, 'presignatures' | 'now'>

/** The pair is one hot document: eight dialogues and a few signatures may meet on it. */
const PATIENT = { maxAttempts: 32 }

/** Nothing is left of them to poison. */
const ENDED: ReadonlySet<PairRecord['status']> = new Set(['POISONED', 'RETIRED'])

const HOUR_MS = 3_600_000
const MAX_FAILURES = 3

/** Refused because of the pair; `details` names its status. */
export function pairRefused(status: PairRecord['status']): WireError {
  if (status === 'RETIRED') return new WireError('EPOCH_MISMATCH')
  return new WireError('KEY_FROZEN', status === 'POISONED' ? 'FROZEN' : status)
}

/**
 * Takes a slot for one OT check, before the check is made. A slot that is taken and never passed counts against the pair
 * for ever: that bounds what crashes and parallel runs tell a cheater about Δ.
 *
 * @throws {WireError} `KEY_FROZEN` unless the pair is ACTIVE and has a slot; without one it is STALE from then on.
 *         `PROTOCOL_ABORTED` for a run that was begun before
 *
 * Source: docs/spec/abort.md 2.1.
 */
export async function openCheck({ presignatures, now }: Pairs, name: PairName, run: Uint8Array): Promise<void> {
  const status = await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, name)
    const known = await tx.get(runAt(name, run))
    const tail = await readAudit(tx, name.keyId)
    if (known) throw new WireError('PROTOCOL_ABORTED', 'this run was begun before') // check S2
    if (doc.data.opened - doc.data.passed >= limits.MAX_OPEN_CHECKS) return giveUp(tx, name, doc, tail, now()) // check S22
    tx.create(runAt(name, run), { passed: false, openedAt: now() })
    return put(tx, name, doc, { opened: doc.data.opened + 1 })
  }, PATIENT)
  if (status !== 'ACTIVE') throw pairRefused(status)
}

/** No slot is left. Source: docs/spec/abort.md 2.4. */
function giveUp(tx: Transaction, name: PairName, doc: Doc<PairRecord>, tail: AuditTail, now: number) {
  appendAudit(tx, tail, now, { method: 'pair.stale', metadata: { reason: 'open checks', ...about(doc.data) } })
  return put(tx, name, doc, { status: 'STALE' })
}

/**
 * Records that the check of this run held; only then may its round 2 be formed.
 *
 * @throws {WireError} `KEY_FROZEN` unless the pair is still ACTIVE; `PROTOCOL_ABORTED` unless the run is open
 *
 * Source: docs/spec/abort.md 2.2.
 */
export async function passCheck({ presignatures }: Pairs, name: PairName, run: Uint8Array): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, name)
    const begun = await tx.get(runAt(name, run))
    if (begun?.data.passed !== false) throw new WireError('PROTOCOL_ABORTED', 'no open check of this run')
    tx.update(runAt(name, run), { ...begun.data, passed: true })
    put(tx, name, doc, { passed: doc.data.passed + 1 })
  }, PATIENT)
}

/**
 * After a failed OT check, before anybody hears of it: the setup is erased, the stock consumed, and nothing that requires
 * an ACTIVE pair succeeds any more, on any instance. The epoch key stays: a repair needs the share. A pair that a commit is about
 * to put in this one's place, or has, goes with it: who freezes a key is not overtaken by a rotation. Of a pair with another
 * member the stock is what was made with that member; the rest goes on.
 *
 * Source: docs/spec/abort.md, section 3.
 */
export async function poison({ presignatures, now }: Pairs, name: PairName): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    const ssid = doc?.data.successor
    const successor = ssid ? await tx.get(pairAt({ ...name, ssid })) : undefined
    const found = [doc, successor].filter((pair) => pair !== undefined)
    const living = found.filter(({ data }) => !ENDED.has(data.status))
    const stocks = await Promise.all(living.map(async ({ data }) => stockOf(tx, data)))
    const tail = await readAudit(tx, name.keyId)
    await consumeStock(
      tx,
      name,
      stocks.flatMap(({ gone }) => gone),
    )
    const lines = living.map(({ data }, i) => ({
      method: 'pair.freeze' as const,
      metadata: { ...about(data), destroyed: stocks[i]?.gone.length ?? 0 },
    }))
    if (lines.length > 0) appendAudit(tx, tail, now(), ...lines)
    for (const pair of living) {
      put(tx, { ...name, ssid: pair.data.ssid }, pair, { status: 'POISONED', setup: null, stock: [] })
    }
    for (const { holder, kept } of stocks) {
      if (holder) put(tx, { ...name, ssid: holder.data.ssid }, holder, { stock: kept })
    }
  }, PATIENT)
}

/** What is in stock with the help of this pair; `holder`, if it is another's stock, keeps the rest. */
async function stockOf(tx: Transaction, { keyId, ssid, peer, stock }: PairRecord) {
  if (peer === undefined) return { gone: stock, kept: [], holder: undefined }
  const holder = await tx.get(pairAt({ keyId, ssid: epochSsid(ssid) }))
  const ids = holder?.data.stock ?? []
  const docs = await Promise.all(ids.map(async (id) => tx.get(presignatureAt(keyId, id))))
  const isOurs = (_: string, i: number) => docs[i]?.data.signers?.includes(peer) === true
  const gone = ids.filter(isOurs)
  return { gone, kept: ids.filter((id) => !gone.includes(id)), holder }
}

/** A cheat that touched nothing long-lived. The third in a day suspends the key. Source: docs/spec/abort.md 4.1. */
export async function strike({ presignatures, now }: Pairs, name: PairName): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    if (!doc) return
    const tail = await readAudit(tx, name.keyId)
    const strikes = recent(doc.data.strikes, limits.STRIKE_WINDOW_MS, now())
    const status = suspended(doc.data.status, strikes.length >= limits.MAX_STRIKES)
    tell(tx, tail, { at: now(), method: 'pair.strike', count: strikes.length, pair: doc.data, status })
    put(tx, name, doc, { strikes, status })
  }, PATIENT)
}

/** A final signature that did not verify. The third in an hour suspends the key. Source: docs/spec/abort.md 4.2. */
export async function recordFailure({ presignatures, now }: Pairs, name: PairName): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    if (!doc) return
    const tail = await readAudit(tx, name.keyId)
    const failures = recent(doc.data.failures, HOUR_MS, now())
    const status = suspended(doc.data.status, failures.length >= MAX_FAILURES)
    tell(tx, tail, { at: now(), method: 'sign.fail', count: failures.length, pair: doc.data, status })
    put(tx, name, doc, { failures, status })
  }, PATIENT)
}

/**
 * Makes the pair of a key that is about to be committed permanent, and those with other members whatever they are.
 *
 * @param expireAt they are kept until then; for ever when absent
 * @throws {WireError} `KEY_FROZEN` unless it is ACTIVE
 */
export async function keepPair(
  { presignatures }: Pairs,
  name: PairName,
  peers: readonly PairName[] = [],
  expireAt?: number,
): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, name)
    const others = await findAll(tx, peers)
    const options = expireAt === undefined ? {} : { expireAt }
    tx.update(pairAt(name), doc.data, options)
    for (const one of others) tx.update(pairAt(one.name), one.doc.data, options)
  }, PATIENT)
}

async function findAll(tx: Transaction, names: readonly PairName[]) {
  const docs = await Promise.all(names.map(async (name) => ({ name, doc: await tx.get(pairAt(name)) })))
  return docs.flatMap(({ name, doc }) => (doc ? [{ name, doc }] : []))
}

/** A pair with another member in two epochs. */
export type Succession = { readonly old: PairName; readonly next: PairName }

/**
 * The pair of a new epoch takes the place of the old one, which from here on takes it along when it is poisoned.
 *
 * @param peers  the same for the pairs with other members, whatever they are
 * @param reason anything but `refresh` allows an old pair that is not ACTIVE, or lost
 * @throws {WireError} `KEY_FROZEN` unless the new pair is ACTIVE, and the old one too or the reason says why not
 */
export async function succeedPair(
  { presignatures }: Pairs,
  old: PairName,
  ssid: Uint8Array,
  reason: RotationRecord['reason'],
  peers: readonly Succession[] = [],
): Promise<void> {
  const name = { ...old, ssid }
  await presignatures.transaction(async (tx) => {
    const before = await tx.get(pairAt(old))
    if (before?.data.status === 'RETIRED') return // the same commit was faster: its own transaction will tell
    if (reason === 'refresh' && before?.data.status !== 'ACTIVE') throw pairRefused(before?.data.status ?? 'STALE')
    const next = await activePair(tx, name)
    const kept = await findAll(
      tx,
      peers.map((one) => one.next),
    )
    const left = await findAll(
      tx,
      peers.map((one) => one.old),
    )
    if (before) put(tx, old, before, { successor: ssid })
    tx.update(pairAt(name), next.data)
    for (const one of kept) tx.update(pairAt(one.name), one.doc.data)
    for (const one of left) put(tx, one.name, one.doc, { successor: successorOf(peers, one.name) })
  }, PATIENT)
}

function successorOf(peers: readonly Succession[], name: PairName): Uint8Array | null {
  return peers.find(({ old }) => old === name)?.next.ssid ?? null
}

/** Notes that the pair works for a key record that has reached `uses`. Source: docs/spec/storage.md 4.2. */
export async function raiseUses({ presignatures }: Pairs, name: PairName, uses: number): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    if (doc && doc.data.uses < uses) put(tx, name, doc, { uses })
  }, PATIENT)
}

/** The pair has outlived a restore of its key record. Source: docs/spec/storage.md 4.3. */
export async function markStale({ presignatures, now }: Pairs, name: PairName): Promise<void> {
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    if (doc?.data.status !== 'ACTIVE') return
    const tail = await readAudit(tx, name.keyId)
    appendAudit(tx, tail, now(), { method: 'pair.stale', metadata: { reason: 'restored', epoch: doc.data.epoch } })
    put(tx, name, doc, { status: 'STALE' })
  }, PATIENT)
}

/** @throws {WireError} `KEY_FROZEN` unless the pair exists and is ACTIVE */
export async function activePair(tx: Transaction, name: PairName): Promise<Doc<PairRecord>> {
  const doc = await tx.get(pairAt(name))
  if (!doc) throw pairRefused('STALE')
  if (doc.data.status !== 'ACTIVE') throw pairRefused(doc.data.status) // check S1 S22
  return doc
}

/** Writes the changed fields, keeping when the document dies. Answers the new status. */
export function put(tx: Transaction, name: PairName, doc: Doc<PairRecord>, change: Partial<PairRecord>) {
  const pair = { ...doc.data, ...change }
  tx.update(pairAt(name), pair, { expireAt: doc.expireAt })
  if (pair.status !== doc.data.status) notePairStopped(tx, name)
  return pair.status
}

/** Erases the payloads of these presignatures and leaves their ids. All reads come before the writes. */
export async function consumeStock(tx: Transaction, { keyId }: PairName, ids: readonly string[]): Promise<void> {
  const docs = await Promise.all(ids.map(async (id) => ({ id, doc: await tx.get(presignatureAt(keyId, id)) })))
  for (const { id, doc } of docs) {
    if (doc) tx.update(presignatureAt(keyId, id), { ...doc.data, status: 'CONSUMED', payload: null })
  }
}

type Counted = {
  readonly at: number
  readonly method: 'pair.strike' | 'sign.fail'
  readonly count: number
  readonly pair: PairRecord
  /** after this one */
  readonly status: PairRecord['status']
}

/** One line for what is counted, one more if it was the last straw. */
function tell(tx: Transaction, tail: AuditTail, { at, method, count, pair, status }: Counted): void {
  const metadata = { ...about(pair), count }
  const counted = { method, code: method === 'sign.fail' ? 'MPC_SIGNING_FAILED' : 'PROTOCOL_ABORTED', metadata }
  const straw = status === pair.status ? [] : [{ method: 'pair.suspend' as const, metadata }]
  appendAudit(tx, tail, at, counted, ...straw)
}

/** Whose pair a line is about; in the pair with the device nobody need say. */
function about({ epoch, peer }: PairRecord): { readonly epoch: number; readonly peer?: number } {
  return { epoch, ...(peer === undefined ? {} : { peer }) }
}

function recent(times: readonly number[], windowMs: number, now: number): number[] {
  return [...times.filter((t) => t > now - windowMs), now]
}

/** Only an ACTIVE pair can be suspended: FROZEN and STALE say more. */
function suspended(status: PairRecord['status'], tooMany: boolean): PairRecord['status'] {
  return status === 'ACTIVE' && tooMany ? 'SUSPENDED' : status
}
