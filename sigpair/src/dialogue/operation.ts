import type { Rng } from '@tandem/rounds'
import { type Done, fromHex, type HelloAnswer, type TicketClaims, WireError } from '@tandem/wire'
import type { Admitted } from './admit.ts'
import { erase } from '../compute/erase.ts'
import { sameBytes } from '../crypto/hash.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { type LoadedKey, loadForSigning } from '../keys/key-status.ts'
import { openCheck, passCheck, poison, recordFailure, strike } from '../keys/pair-store.ts'
import type { AbortFacts, Entry, Job } from '../compute/port-messages.ts'
import type { PairName, Stores } from '../stores.ts'

/** What every operation works with. */
export type OperationDeps = {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  /** a device that is silent for longer in one round ends the run */
  readonly roundMs: number
  /** hedged */
  readonly rng: Rng
}

/** One admitted operation, ready to run: what is computed, and what of it becomes durable when. */
export type Operation = {
  /** for the second handshake payload */
  readonly answer: Omit<HelloAnswer, 'identity'>
  /** what is computed; a function, if the device must first send what its owner has opened, 32 bytes */
  readonly job: Job | ((opened: Uint8Array) => Job)
  /** Resolves when what the computation produced is durable. */
  readonly record: (entry: Entry) => Promise<void>
  /** The device has stored its result too. Resolves when Sigpair may say so. */
  readonly finish: (certificate: readonly Uint8Array[]) => Promise<Done>
  /** The run was aborted. Resolves when its consequences are durable; until then the device hears nothing. */
  readonly aborted: (abort: AbortFacts) => Promise<void>
  /** Always, last: forgets what is still in memory. */
  readonly end: () => void
}

/** @throws {WireError} whatever forbids this operation on this key now; the ticket is spent all the same */
export type Open = (deps: OperationDeps, admitted: Admitted) => Promise<Operation>

/**
 * Opens the key a ticket names, for its owner, in its epoch, on the device that was enrolled.
 *
 * @throws {WireError} as {@link loadForSigning}, and `TICKET_INVALID` for another device
 */
export async function loadKey(stores: Stores, ticket: TicketClaims): Promise<LoadedKey> {
  const { keyId, epoch, sub: owner, cnf } = ticket
  const loaded = await loadForSigning(stores, { keyId, epoch, owner })
  const { identity, exchange } = loaded.key.device
  const enrolled =
    sameBytes(fromHex(identity), fromHex(cnf.identity)) && sameBytes(fromHex(exchange), fromHex(cnf.exchange))
  if (enrolled) return loaded
  erase(loaded.shareBytes, loaded.pairBytes)
  throw new WireError('TICKET_INVALID', 'for another device')
}

/** The write-ahead record of OT checks. Spec: abort 2. */
export async function recordCheck(
  stores: Stores,
  pair: PairName,
  entry: Extract<Entry, { entry: 'open' | 'pass' }>,
): Promise<void> {
  await (entry.entry === 'open' ? openCheck : passCheck)(stores, pair, entry.run)
}

/** What an aborted run does to its pair. Spec: abort 1, 3 and 4. */
export async function punish(stores: Stores, pair: PairName, { verdict, code }: AbortFacts): Promise<void> {
  if (verdict === 'ban') await poison(stores, pair)
  else if (verdict === 'strike') await strike(stores, pair)
  else if (code === 'UNATTRIBUTED') await recordFailure(stores, pair)
}
