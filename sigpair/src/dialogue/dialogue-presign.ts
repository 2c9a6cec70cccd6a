import { sessionId } from '@tandem/rounds'
import { fromBase64url, fromHex, type Hello, toBase64url, WireError } from '@tandem/wire'
import { erase } from '../compute/erase.ts'
import { loadKey, type Open, punish, recordCheck } from './operation.ts'
import { createUsable, reconcile, roomFor } from '../keys/presignature-store.ts'

/**
 * Fills the stock. What the device no longer holds is consumed before the first check; each new presignature is in stock
 * before the next is begun.
 *
 * Source: docs/spec/flows.md, section 4.
 */
export const openPresign: Open = async ({ stores, roundMs }, { ticket, hello }) => {
  const { sigids, inventory, count } = runsOf(hello)
  const { pair, shareBytes, pairBytes } = await loadKey(stores, ticket)
  const granted = Math.min(count, await roomFor(stores, pair, inventory))
  const seals = stores.sealer.session()
  const made: Uint8Array[] = []
  // Only once the device has proven, with a sealed frame, that it is not a replay. Spec: wire 6.2.
  let reconciled: Promise<void> | undefined
  const settle = async () => (reconciled ??= reconcile(stores, pair, inventory))

  return {
    answer: { count: granted },
    job: { op: 'presign', key: { share: shareBytes, pair: pairBytes }, sigids: sigids.slice(0, granted), roundMs },
    record: async (entry) => {
      await settle()
      if (entry.entry === 'presignature') {
        await createUsable(stores, seals, pair, [{ id: entry.id, payload: entry.bytes }])
        made.push(entry.id)
      } else if (entry.entry === 'open' || entry.entry === 'pass') await recordCheck(stores, pair, entry)
      else throw new Error(`presigning records no ${entry.entry}`)
    },
    finish: async () => {
      await settle()
      return { presignatures: made.map(toBase64url) }
    },
    aborted: (abort) => punish(stores, pair, abort),
    end: () => {
      seals.end()
      erase(shareBytes, pairBytes)
    },
  }
}

function runsOf(hello: Hello) {
  if (hello.op !== 'presign') throw new WireError('VALIDATION_FAILED', 'hello.op')
  const { count, sigids } = hello
  const distinct = new Set(sigids.map((id) => id.toLowerCase())).size === sigids.length
  if (sigids.length !== count || !distinct) throw new WireError('VALIDATION_FAILED', 'hello.sigids')
  return { count, sigids: sigids.map(runId), inventory: hello.inventory.map(fromBase64url) }
}

/** @throws {WireError} `VALIDATION_FAILED` for the id of zeros, which names nothing */
export function runId(hex: string) {
  const bytes = fromHex(hex)
  if (bytes.every((b) => b === 0)) throw new WireError('VALIDATION_FAILED', 'hello.sigid')
  return sessionId(bytes)
}
