import { type Data, ref, type Store, type Transaction } from '@tandem/store'
import { limits, toHex } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { sameBytes } from '../crypto/hash.ts'
import { consumeStock } from './pair-store.ts'
import type { EpochRecord, PairRecord, RetirementRecord } from '../records.ts'
import {
  BACKUPS,
  type PairName,
  pairAt,
  PAIRS,
  PRESIGNATURES,
  RETIREMENTS,
  retirementAt,
  RUNS,
  type Stores,
} from '../stores.ts'

// A dead epoch is erased: its epoch key and pair, presignatures, runs and backups. That happens in another database than the
// change that made it dead, so the change leaves a note, and whoever comes next finishes. Source: docs/spec/storage.md 3.8.

type Databases = Pick<Stores, 'parties' | 'presignatures' | 'now'>

const PAGE = 200

/** The pair is one hot document. */
const PATIENT = { maxAttempts: 32 }

/** In the transaction after which nothing needs these epochs any more. */
export function noteRetirements(
  tx: Transaction,
  keyId: string,
  dead: readonly Pick<EpochRecord, 'epoch' | 'ssid'>[],
): void {
  for (const { epoch, ssid } of dead) {
    tx.create(retirementAt({ keyId, ssid }), { keyId: keyId.toLowerCase(), epoch, ssid })
  }
}

/**
 * Erases what was noted. Repeatable, by any instance at any time; what a crash leaves the next call finishes.
 *
 * @param keyId of one key only; all when absent
 */
export async function finishRetirements(stores: Databases, keyId?: string): Promise<void> {
  const prefix = keyId === undefined ? {} : { prefix: `${keyId.toLowerCase()}:` }
  const { docs } = await stores.parties.list<RetirementRecord>(RETIREMENTS, { limit: PAGE, ...prefix })
  for (const { data } of docs) await retireEpoch(stores, data)
}

/** Erases one dead epoch, first of all the key without which its share does not open. Repeatable. */
export async function retireEpoch(stores: Databases, dead: RetirementRecord): Promise<void> {
  const { parties, presignatures } = stores
  const { keyId, ssid } = dead
  await destroyKeys(stores, dead)
  const ofEpoch = `${keyId.toLowerCase()}:${toHex(ssid)}`
  const isOfEpoch = ({ ssid: of }: Data) => of instanceof Uint8Array && sameBytes(of, ssid)
  await eraseAll(presignatures, PRESIGNATURES, `${keyId.toLowerCase()}:`, isOfEpoch) // check L5
  await eraseAll(presignatures, RUNS, ofEpoch)
  await eraseAll(parties, BACKUPS, `${ofEpoch}:`)
  await parties.delete(retirementAt(dead))
}

/** The point of no return: after this no copy of `parties`, however old, opens the share of this epoch. */
async function destroyKeys({ presignatures, now }: Databases, { keyId, epoch, ssid }: RetirementRecord): Promise<void> {
  const name: PairName = { keyId, ssid }
  await presignatures.transaction(async (tx) => {
    const doc = await tx.get(pairAt(name))
    if (!doc || doc.data.status === 'RETIRED') return
    const tail = await readAudit(tx, keyId)
    const { stock } = doc.data
    await consumeStock(tx, name, stock)
    appendAudit(tx, tail, now(), { method: 'key.retire', metadata: { epoch, destroyed: stock.length } })
    retirePair(tx, doc.data, now())
  }, PATIENT)
  await destroyPeerPairs(presignatures, name, now)
}

function retirePair(tx: Transaction, pair: PairRecord, now: number): void {
  const retired = { ...pair, status: 'RETIRED' as const, setup: null, epochKey: null, stock: [] }
  tx.update(pairAt(pair), retired, { expireAt: now + limits.PENDING_MS })
}

/** The pairs with other members: their names begin with that of the pair with the device. */
async function destroyPeerPairs(store: Store, { keyId, ssid }: PairName, now: () => number): Promise<void> {
  const prefix = pairAt({ keyId, ssid }).id
  const { docs } = await store.list<PairRecord>(PAIRS, { prefix, limit: PAGE })
  const names = docs.filter(({ data }) => data.peer !== undefined && data.status !== 'RETIRED')
  if (names.length === 0) return
  await store.transaction(async (tx) => {
    const found = await Promise.all(names.map(async ({ data }) => tx.get(pairAt(data))))
    for (const doc of found) if (doc) retirePair(tx, doc.data, now())
  }, PATIENT)
}

async function eraseAll(
  store: Store,
  collection: string,
  prefix: string,
  isDead: (data: Data) => boolean = () => true,
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = await store.list(collection, { limit: PAGE, prefix, ...(after === undefined ? {} : { after }) })
    const dead = page.docs.filter(({ data }) => isDead(data))
    await Promise.all(dead.map(async ({ id }) => store.delete(ref(collection, id))))
    if (page.next === undefined) return
    after = page.next
  }
}
