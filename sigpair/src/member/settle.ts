import type { PartyIndex } from '@tandem/rounds'
import type { Transaction } from '@tandem/store'
import {
  fromHex,
  type RhoParts,
  type SettleBatchRequest,
  type SettleSessionRequest,
  utf8,
  WireError,
} from '@tandem/wire'
import { le16, sameBytes, taggedHash } from '../crypto/hash.ts'
import type { SessionRecord } from '../records.ts'
import { sessionAt, type Stores } from '../stores.ts'

type Named = { readonly keyId: string; readonly sessionId: string; readonly batchId?: string | undefined }

/**
 * Fixes ρ_S of a prepared session out of the parts of the members, once. Repeatable: what was fixed is answered, whatever is
 * shown.
 *
 * @returns ρ_S, 32 bytes
 * @throws {WireError} `NOT_FOUND`; `VALIDATION_FAILED` unless each index is there once, and ours with our own part
 *
 * Source: docs/spec/gateway.md 4.4.
 */
export async function settleSession(
  { parties }: Stores,
  self: PartyIndex,
  { parts, ...name }: SettleSessionRequest & Named,
): Promise<Uint8Array> {
  return parties.transaction(async (tx) => (await settled(tx, self, name, parts))())
}

/** The same for every session of a batch: all of them, or none. */
export async function settleBatch(
  { parties }: Stores,
  self: PartyIndex,
  { keyId, batchId, sessions }: SettleBatchRequest & { readonly batchId: string },
): Promise<readonly Uint8Array[]> {
  return parties.transaction(async (tx) => {
    const writes = await Promise.all(
      sessions.map(async ({ sessionId, parts }) => settled(tx, self, { keyId, sessionId, batchId }, parts)),
    )
    return writes.map((write) => write())
  })
}

/** Reads now; the write is for after all reads. */
async function settled(tx: Transaction, self: PartyIndex, name: Named, parts: RhoParts): Promise<() => Uint8Array> {
  const at = sessionAt(name.sessionId)
  const doc = await tx.get(at)
  const isIt = doc?.data.keyId === name.keyId.toLowerCase() && doc.data.batchId === name.batchId
  if (!doc || !isIt || doc.data.settled === undefined) throw new WireError('NOT_FOUND')
  const known = doc.data.settled
  if (known) return () => known
  const kept = ascending(parts)
  const rhoS = rhoOf(doc.data, self, kept)
  return () => {
    tx.update(at, { ...doc.data, settled: rhoS, parts: kept }, { expireAt: doc.expireAt })
    return rhoS
  }
}

/** Nobody can have chosen it who did not know our part, and that was drawn after digest and path were fixed. */
function rhoOf({ sessionId, rhoS }: SessionRecord, self: PartyIndex, parts: Kept): Uint8Array {
  const own = parts.find(({ index }) => index === self)
  if (!own || !sameBytes(own.rhoS, rhoS)) throw new WireError('VALIDATION_FAILED', 'parts: not ours') // check S25
  const fields = parts.map((part) => Uint8Array.of(...le16(part.index), ...part.rhoS))
  return taggedHash('rho', utf8(sessionId), ...fields)
}

type Kept = NonNullable<SessionRecord['parts']>

/** @throws {WireError} `VALIDATION_FAILED` if one is there twice */
function ascending(parts: RhoParts): Kept {
  const sorted = parts.toSorted((a, b) => a.index - b.index)
  const distinct = sorted.every(({ index }, at) => index !== sorted[at - 1]?.index)
  if (!distinct) throw new WireError('VALIDATION_FAILED', 'parts: one index twice')
  return sorted.map(({ index, rhoS }) => ({ index, rhoS: fromHex(rhoS) }))
}
