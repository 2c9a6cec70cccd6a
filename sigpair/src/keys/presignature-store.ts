import type { PartyIndex } from '@tandem/rounds'
import { count } from '@tandem/service'
import type { Doc, Transaction } from '@tandem/store'
import { limits, toHex, WireError } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { activePair, consumeStock, put } from './pair-store.ts'
import { type PairOf, requirePeers } from './peer-pairs.ts'
import type { Claim } from '../policy/policy-claim.ts'
import { judgeRelease, policyMark } from '../policy/policy-store.ts'
import type { PresignatureRecord, Sealed } from '../records.ts'
import type { SealContext, Seals } from '../seal/seal.ts'
import { type PairName, pairAt, presignatureAt, type Stores } from '../stores.ts'

type Presignatures = Pick<Stores, 'presignatures' | 'sealer' | 'now'>
type Releasing = Presignatures & Pick<Stores, 'parties'>

/** A presignature that both parties have finished: its id, 32 bytes, and its encoding, which is erased once sealed. */
export type Finished = {
  readonly id: Uint8Array
  readonly payload: Uint8Array
  /** absent in a pair */
  readonly signers?: readonly PartyIndex[]
}

/** The pair as a run sees it: `epoch` must still be the pair's. */
export type PairInEpoch = PairName & { readonly epoch: number }

/**
 * Puts finished presignatures in stock, all or none.
 *
 * @param seals one sealing session for the batches of a dialogue
 * @throws {WireError} `KEY_FROZEN` unless the pair is ACTIVE, `EPOCH_MISMATCH`, `RATE_LIMITED` when the stock would
 *         exceed 64
 * @throws {StoreError} `EXISTS` for an id that was ever known: the tombstone holds
 *
 * Source: docs/spec/storage.md 5.1.
 */
export async function createUsable(
  { presignatures, now }: Presignatures,
  seals: Seals,
  pair: PairInEpoch,
  batch: readonly Finished[],
): Promise<void> {
  const sealed = await sealAll(seals, contextOf(pair), batch)
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, pair)
    if (doc.data.epoch !== pair.epoch) throw new WireError('EPOCH_MISMATCH')
    const stock = [...doc.data.stock, ...sealed.map(({ id }) => id)]
    if (stock.length > limits.MAX_PRESIGNATURES) throw new WireError('RATE_LIMITED', 'the stock is full')
    const tail = await readAudit(tx, pair.keyId)

    put(tx, pair, doc, { stock })
    const record = { keyId: pair.keyId, epoch: pair.epoch, ssid: pair.ssid, createdAt: now(), sessionId: null }
    for (const { id, ...made } of sealed) {
      tx.create(presignatureAt(pair.keyId, id), { ...record, status: 'USABLE', ...made }) // check S21
    }
    const created = sealed.map(({ id }) => ({ method: 'presign.create' as const, metadata: { presignature: id } }))
    appendAudit(tx, tail, now(), ...created)
  })
}

/** Whose presignature is wanted, for which session, and the session's use counter. */
export type Wanted = {
  readonly pair: PairInEpoch
  readonly id: Uint8Array
  readonly sessionId: string
  readonly use: number
  /** what the signature will allow: the policy judges it, and counts it, in the same transaction */
  readonly claim: Claim
  /** whether the second factor was proven for the session */
  readonly factor?: 'proven' | 'later'
  readonly owner: string
  /** at a member: the other members it was made with, whose pairs must be ACTIVE still */
  readonly peers?: { readonly pairOf: PairOf; readonly indices: readonly PartyIndex[] }
}

/**
 * Takes a presignature out of stock. When this resolves nobody, on any instance, will ever get it again, and nothing that
 * depends on it has been computed yet. A rejection after the transaction was sent leaves it consumed or not: the caller
 * gets no payload either way.
 *
 * @returns its encoding; the caller erases it
 * @throws {WireError} `PRESIGNATURE_CONSUMED` for one that is consumed, unknown, too old or of another epoch;
 *         `KEY_FROZEN` unless the pair is ACTIVE; `POLICY_DENIED`, and then it stays usable
 *
 * Source: docs/spec/storage.md 5.2, policy.md 3.1.
 */
export async function consume(stores: Releasing, wanted: Wanted): Promise<Uint8Array> {
  const at = presignatureAt(wanted.pair.keyId, toHex(wanted.id))
  const sealed = usable(await stores.presignatures.get(at), wanted.pair, stores.now())
  // Opened first, so that a KMS that does not answer costs no presignature; used only once the tombstone is durable.
  const payload = await stores.sealer.open(contextOf(wanted.pair), sealed)
  try {
    await entomb(stores, wanted)
    return payload
  } catch (error) {
    payload.fill(0)
    throw error
  }
}

async function entomb(stores: Releasing, wanted: Wanted): Promise<void> {
  const { pair, id, sessionId, use, owner } = wanted
  const { presignatures, now } = stores
  const hex = toHex(id)
  const mark = await policyMark(stores, pair.keyId)
  await presignatures.transaction(async (tx) => {
    const doc = await activePair(tx, pair)
    const found = await tx.get(presignatureAt(pair.keyId, hex))
    usable(found, pair, now())
    if (wanted.peers) await requirePeers(tx, wanted.peers.pairOf, wanted.peers.indices)
    const tail = await readAudit(tx, pair.keyId)
    const { version, charge } = await judgeRelease(tx, { ...wanted, keyId: pair.keyId, mark }, now())
    const stock = doc.data.stock.filter((other) => other !== hex)
    put(tx, pair, doc, { stock, uses: Math.max(doc.data.uses, use) })
    if (found)
      tx.update(presignatureAt(pair.keyId, hex), { ...found.data, status: 'CONSUMED', payload: null, sessionId })
    charge()
    const metadata = { sessionId, presignature: hex, policy: version }
    appendAudit(tx, tail, now(), { method: 'sign.release', owner, metadata })
  })
}

/** The sealed payload of a presignature that may be used now. @throws {WireError} `PRESIGNATURE_CONSUMED` */
export function usable(doc: Doc<PresignatureRecord> | undefined, pair: PairInEpoch, now: number): Sealed {
  const refused = new WireError('PRESIGNATURE_CONSUMED')
  if (!doc) throw refused
  const { status, payload, epoch, ssid, createdAt } = doc.data
  if (status !== 'USABLE' || payload === null) throw refused // check S16
  if (epoch !== pair.epoch || toHex(ssid) !== toHex(pair.ssid)) throw refused // check S23
  if (now - createdAt >= limits.PRESIGNATURE_MS) throw refused // check S23
  return payload
}

/**
 * How many presignatures may be made once {@link reconcile} has been done. Changes nothing: until its first sealed frame
 * opens, a device may be somebody else's replay.
 *
 * @param inventory ids the device still holds
 * @throws {WireError} `KEY_FROZEN` unless the pair is ACTIVE
 */
export async function roomFor(
  { presignatures, now }: Presignatures,
  pair: PairName,
  inventory: readonly Uint8Array[],
): Promise<number> {
  return presignatures.transaction(async (tx) => {
    const { kept } = await sortStock(tx, pair, inventory, now())
    return limits.MAX_PRESIGNATURES - kept.length
  })
}

/**
 * What the device does not hold any more, and what is too old, is consumed.
 *
 * @param inventory ids the device still holds
 *
 * Source: docs/spec/storage.md 5.3.
 */
export async function reconcile(
  { presignatures, now }: Presignatures,
  pair: PairName,
  inventory: readonly Uint8Array[],
): Promise<void> {
  const dropped = await presignatures.transaction(async (tx) => {
    const { doc, kept, gone } = await sortStock(tx, pair, inventory, now())
    if (gone.length === 0) return 0
    const tail = await readAudit(tx, pair.keyId)
    await consumeStock(tx, pair, gone)
    appendAudit(tx, tail, now(), {
      method: 'presign.reconcile',
      metadata: { consumed: gone.length, kept: kept.length },
    })
    put(tx, pair, doc, { stock: kept })
    return gone.length
  })
  if (dropped > 0) count('tandem.presignatures', { 'tandem.stock': 'dropped' }, dropped)
}

/** The stock, sorted into what both sides hold and what is of no more use. */
async function sortStock(tx: Transaction, pair: PairName, inventory: readonly Uint8Array[], now: number) {
  const held = new Set(inventory.map(toHex))
  const doc = await activePair(tx, pair)
  const { stock } = doc.data
  const docs = await Promise.all(stock.map((id) => tx.get(presignatureAt(pair.keyId, id))))
  const fresh = (id: string, i: number) => held.has(id) && now - (docs[i]?.data.createdAt ?? 0) < limits.PRESIGNATURE_MS
  const kept = stock.filter(fresh)
  return { doc, kept, gone: stock.filter((id) => !kept.includes(id)) }
}

/** How many are in stock. */
export async function countUsable({ presignatures }: Presignatures, pair: PairName): Promise<number> {
  const doc = await presignatures.get(pairAt(pair))
  return doc?.data.status === 'ACTIVE' ? doc.data.stock.length : 0
}

async function sealAll(seals: Seals, context: SealContext, batch: readonly Finished[]) {
  const seal = async ({ id, payload, signers }: Finished) => {
    const made = { id: toHex(id), ...(signers ? { signers } : {}) }
    const sealed = { ...made, payload: await seals.seal(context, payload) }
    payload.fill(0)
    return sealed
  }
  return Promise.all(batch.map(seal))
}

export function contextOf({ keyId, epoch }: PairInEpoch): SealContext {
  return { purpose: 'presignature', keyId: keyId.toLowerCase(), epoch }
}
