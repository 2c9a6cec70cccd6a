import type { Doc, Transaction } from '@tandem/store'
import { type Policy, type PolicyResponse, type SetPolicyRequest, WireError } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { readIntent, spendIntent, verifyIntent } from '../keys/intent.ts'
import { type KeyView, readKey } from '../keys/key-status.ts'
import { consumeStock, put } from '../keys/pair-store.ts'
import { isTighter } from './policy-compare.ts'
import { policiesInForce, policyAt, policyMark, policyMarkAt, policyText, type PolicyRecord } from './policy-store.ts'
import type { PairRecord } from '../records.ts'
import { type PairName, pairAt, type Stores } from '../stores.ts'

/** So many layers of changes that wait for each other are no policy but an attack on one. */
const MAX_LAYERS = 8

export type PolicyDeps = {
  /** how long a loosening waits, ms */
  readonly policyDelayMs: number
}

type Change = SetPolicyRequest & { readonly keyId: string }

/**
 * Changes the policy of a key, by the word of its device. What tightens acts at once; anything else acts beside what is in
 * force until the delay is over, and then alone. The stock is consumed. Repeatable with the same intent.
 *
 * @throws {WireError} `NOT_FOUND`, `KEY_DELETED`, `KEY_PENDING`, `FORBIDDEN` for a bad intent, `KEY_BUSY` when too many
 *         changes wait
 *
 * Source: docs/spec/policy.md, section 4.
 */
export async function setPolicy(
  stores: Stores,
  deps: PolicyDeps,
  owner: string,
  change: Change,
): Promise<PolicyResponse> {
  const { key, pair } = await ownKey(stores, change.keyId, owner)
  const epoch = key.current?.epoch ?? 0
  const { policy, intent } = change
  verifyIntent(intent, { op: 'policy', keyId: key.keyId, epoch, body: { policy }, device: key.device.identity })
  const mark = await policyMark(stores, key.keyId)

  const record = await stores.presignatures.transaction(async (tx) => {
    const found = await tx.get(policyAt(key.keyId))
    const unspent = await readIntent(tx, intent)
    if (found && unspent.spent && found.data.nonce === intent.nonce.toLowerCase()) return found.data
    const tail = await readAudit(tx, key.keyId)
    const name = pair && { keyId: key.keyId, ssid: pair.ssid }
    const paired = name && (await tx.get(pairAt(name)))

    const now = stores.now()
    const next = { ...nextRecord(found?.data, { policy, now, ...deps }), keyId: key.keyId }
    const version = Math.max(found?.data.version ?? 0, mark) + 1
    const written: PolicyRecord = { ...next, version, nonce: intent.nonce.toLowerCase() }
    if (name && paired) await dropStock(tx, name, paired)
    spendIntent(tx, unspent, now)
    writePolicy(tx, found !== undefined, written)
    const metadata = { version, waits: written.pending !== null, consumed: paired?.data.stock.length ?? 0 }
    appendAudit(tx, tail, now, { method: 'policy.change', owner, metadata })
    return written
  })
  await raiseMark(stores, key.keyId, record.version)
  return describe(record, stores.now())
}

/** What was made under one policy is not used under another. */
async function dropStock(tx: Transaction, name: PairName, pair: Doc<PairRecord>): Promise<void> {
  await consumeStock(tx, name, pair.data.stock)
  put(tx, name, pair, { stock: [] })
}

function writePolicy(tx: Transaction, known: boolean, record: PolicyRecord): void {
  if (known) tx.update(policyAt(record.keyId), record)
  else tx.create(policyAt(record.keyId), record)
}

/** @throws {WireError} as {@link setPolicy} */
export async function readPolicy(stores: Stores, keyId: string, owner: string): Promise<PolicyResponse> {
  const { key } = await ownKey(stores, keyId, owner)
  return describe((await stores.presignatures.get(policyAt(key.keyId)))?.data, stores.now())
}

type Wanted = { readonly policy: Policy | null; readonly now: number; readonly policyDelayMs: number }

function nextRecord(
  before: PolicyRecord | undefined,
  { policy, now, policyDelayMs }: Wanted,
): Pick<PolicyRecord, 'inForce' | 'pending'> {
  const inForce = policiesInForce(before, now)
  if (inForce.every((one) => isTighter(one, policy))) {
    return { inForce: policy ? [policyText(policy)] : [], pending: null }
  }
  const layers = [...new Set(inForce.map(policyText))]
  if (layers.length > MAX_LAYERS) throw new WireError('KEY_BUSY', 'too many policy changes wait')
  return { inForce: layers, pending: { policy: policyText(policy), at: now + policyDelayMs } }
}

async function ownKey(stores: Stores, keyId: string, owner: string): Promise<KeyView> {
  const view = await readKey(stores, keyId)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  if (view.status === 'DELETED') throw new WireError('KEY_DELETED')
  if (!view.key.current) throw new WireError('KEY_PENDING')
  return view
}

/** After the change, so that a crash in between leaves a mark that is too low, never one that locks the key. */
async function raiseMark({ parties }: Stores, keyId: string, version: number): Promise<void> {
  await parties.transaction(async (tx) => {
    const mark = await tx.get(policyMarkAt(keyId))
    if (!mark) tx.create(policyMarkAt(keyId), { version })
    else if (mark.data.version < version) tx.update(policyMarkAt(keyId), { version })
  })
}

function describe(record: PolicyRecord | undefined, now: number): PolicyResponse {
  const pending = record?.pending && now < record.pending.at ? record.pending : null
  return {
    version: record?.version ?? 0,
    inForce: [...policiesInForce(record, now)],
    pending: pending && { policy: JSON.parse(pending.policy) as Policy | null, at: Math.ceil(pending.at / 1000) },
  }
}
