import type { PartyIndex, Rng } from '@tandem/rounds'
import { type Done, fromHex, type HelloAnswer, type TicketClaims, WireError } from '@tandem/wire'
import type { Admitted } from './admit.ts'
import { erase } from '../compute/erase.ts'
import { sameBytes } from '../crypto/hash.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { type LoadedKey, loadForSigning } from '../keys/key-status.ts'
import { openCheck, passCheck, poison, recordFailure, strike } from '../keys/pair-store.ts'
import { type PairOf, peerRefused } from '../keys/peer-pairs.ts'
import type { Member } from '../member/member.ts'
import type { AbortFacts, Entry, Job, KeyBytes } from '../compute/port-messages.ts'
import { isPeerPair, type PairName, type Stores } from '../stores.ts'

/** What every operation works with. */
export type OperationDeps = {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  /** a device that is silent for longer in one round ends the run */
  readonly roundMs: number
  /** hedged */
  readonly rng: Rng
  /** absent in a pair */
  readonly member?: Member | undefined
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
export async function loadKey(
  stores: Stores,
  ticket: TicketClaims,
  signers: readonly PartyIndex[],
): Promise<LoadedKey> {
  const { keyId, epoch, sub: owner, cnf } = ticket
  const loaded = await loadForSigning(stores, { keyId, epoch, owner }, signers)
  const { identity, exchange } = loaded.key.device
  const enrolled =
    sameBytes(fromHex(identity), fromHex(cnf.identity)) && sameBytes(fromHex(exchange), fromHex(cnf.exchange))
  if (enrolled) return loaded
  eraseKey(loaded.bytes)
  throw new WireError('TICKET_INVALID', 'for another device')
}

export function eraseKey({ share, pairs }: KeyBytes): void {
  erase(share, ...pairs)
}

/**
 * The write-ahead record of OT checks, on the pair with whom they are made. Spec: abort 2.
 *
 * @throws {WireError} as `openCheck`; `UNAVAILABLE` if a member's pair refuses
 */
export async function recordCheck(
  stores: Stores,
  pairOf: PairOf,
  { entry, peer, run }: Extract<Entry, { entry: 'open' | 'pass' }>,
): Promise<void> {
  const name = pairOf(peer)
  try {
    await (entry === 'open' ? openCheck : passCheck)(stores, name, run)
  } catch (error) {
    if (isPeerPair(name) && error instanceof WireError && error.code === 'KEY_FROZEN') throw peerRefused(peer)
    throw error
  }
}

/** Who took part in a run that was aborted. */
export type Run = {
  readonly pairOf: PairOf
  /** the other parties */
  readonly others: readonly PartyIndex[]
}

/**
 * What an aborted run does to the pairs with its culprits. A sum that fails names nobody: it counts in a pair with the
 * device, in a committee with each of the other members, so that one of them stops no quorum without it.
 *
 * Spec: abort 1, 3 and 4; gateway 3.2.
 */
export async function punish(stores: Stores, { pairOf, others }: Run, abort: AbortFacts): Promise<void> {
  const { verdict, code } = abort
  for (const pair of blamed({ pairOf, others }, abort)) {
    if (verdict === 'ban') await poison(stores, pair)
    else if (verdict === 'strike') await strike(stores, pair)
    else if (code === 'UNATTRIBUTED') await recordFailure(stores, pair)
  }
}

/** The pairs a verdict is about. Between two there is one. */
function blamed({ pairOf, others }: Run, { verdict, culprits }: AbortFacts): readonly PairName[] {
  if (others.length === 1) return others.map(pairOf)
  if (verdict !== 'retry') return culprits.map(pairOf)
  return others.map(pairOf).filter(isPeerPair)
}
