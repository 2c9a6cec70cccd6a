import { sessionId } from '@tandem/rounds'
import { fromBase64url, fromHex, type Hello, toBase64url, WireError } from '@tandem/wire'
import { eraseKey, loadKey, type Open, type OperationDeps, punish, recordCheck } from './operation.ts'
import { createUsable, reconcile, roomFor } from '../keys/presignature-store.ts'
import { requireSameMembers, signersIn } from '../member/member.ts'
import { PAIR, placesOf } from '../parties.ts'

/**
 * Fills the stock. What the device no longer holds is consumed before the first check; each new presignature is in stock
 * before the next is begun.
 *
 * Source: docs/spec/flows.md, section 4; gateway.md 2.4.
 */
export const openPresign: Open = async (deps, { ticket, hello }) => {
  const { stores, roundMs, member } = deps
  const { sigids, inventory, count } = runsOf(hello)
  const signers = member ? signersIn(member, hello) : PAIR
  const { pair, pairOf, bytes, current } = await loadKey(stores, ticket, signers)
  if (member) requireSameMembers(member, current)
  const granted = grant(deps, count, await roomFor(stores, pair, inventory))
  const others = signers.filter((index) => index !== placesOf(current).self)
  const seals = stores.sealer.session()
  const ids: Uint8Array[] = []
  // Only once the device has proven, with a sealed frame, that it is not a replay. Spec: wire 6.2.
  let reconciled: Promise<void> | undefined
  const settle = async () => (reconciled ??= reconcile(stores, pair, inventory))

  return {
    answer: { count: granted },
    job: { op: 'presign', key: bytes, signers, sigids: sigids.slice(0, granted), roundMs },
    record: async (entry) => {
      await settle()
      if (entry.entry === 'presignature') {
        const made = { id: entry.id, payload: entry.bytes, ...(member ? { signers } : {}) }
        await createUsable(stores, seals, pair, [made])
        ids.push(entry.id)
      } else if (entry.entry === 'open' || entry.entry === 'pass') await recordCheck(stores, pairOf, entry)
      else throw new Error(`presigning records no ${entry.entry}`)
    },
    finish: async () => {
      await settle()
      return { presignatures: ids.map(toBase64url) }
    },
    aborted: (abort) => punish(stores, { pairOf, others }, abort),
    end: () => {
      seals.end()
      eraseKey(bytes)
    },
  }
}

/**
 * As many as there is room for. Members must grant the same, so each grants all or none.
 *
 * @throws {WireError} `RATE_LIMITED`
 */
function grant({ member }: Pick<OperationDeps, 'member'>, count: number, room: number): number {
  if (member && room < count) throw new WireError('RATE_LIMITED', 'the stock is full')
  return Math.min(count, room)
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
