import type { KeyShare } from '@tandem/ecdsa'
import type { PartyIndex } from '@tandem/rounds'
import type { Hello } from '@tandem/wire'
import type { Device } from '../device.ts'
import type { Legs } from '../dialogue/legs.ts'
import { TandemError } from '../errors.ts'
import { membersToSign } from '../members.ts'
import { frozen, mayCheck } from '../vault/journal.ts'
import type { WalletRecord } from '../vault/wallet-record.ts'
import { soundPeers } from './signing-key.ts'

// With whom a device beside a committee signs. A pair has one answer, and everything here comes down to trying once.
// Source: docs/spec/gateway.md 2.4.

/** A dialogue that is open, and what was said first in it. */
export type Opened<H extends Hello> = { readonly legs: Legs; readonly hello: H }

/** Enough for every two members to be left out once, among few. */
const MAX_QUORUMS = 4

/** What members say that others would say, too. */
const FINAL: readonly TandemError['code'][] = ['SESSION_CONSUMED', 'KEY_DELETED', 'POLICY_DENIED']

/** Too few members answered the backend in time; nobody says who. */
export function isAway(error: unknown): boolean {
  return error instanceof TandemError && (error.code === 'UNAVAILABLE' || error.code === 'DUO_NODE_UNAVAILABLE')
}

/**
 * As many members as sign, of those that are there and whose pair with this device is sound; first who did not fail last.
 *
 * @throws {TandemError} `WALLET_FROZEN` if sound pairs are too few; `UNAVAILABLE` if too few of their members are there
 */
export function chooseQuorum(
  { standing }: Pick<Device, 'standing'>,
  record: WalletRecord,
  share: KeyShare,
  reached: readonly number[],
): readonly PartyIndex[] {
  const count = membersToSign(share)
  const sound = soundPeers(record, share).filter((peer) => record.pairs.some((p) => p.peer === peer && mayCheck(p)))
  if (sound.length < count) throw frozen()
  const there = sound.filter((index) => reached.includes(index))
  if (there.length < count) {
    const details = `${there.length} of ${count} members`
    throw new TandemError('UNAVAILABLE', 'Too few members of the committee can be reached; try again later.', {
      details,
    })
  }
  const byStanding = there.toSorted((a, b) => standing.failuresOf([a]) - standing.failuresOf([b]) || a - b)
  return byStanding.slice(0, count).toSorted((a, b) => a - b)
}

/**
 * One dialogue with a quorum, and another with others if it fails for a reason that lies with members.
 *
 * @param open asks for a ticket, which the members of one attempt spend, and opens the dialogue with a hello of its own
 * @throws {TandemError} what the last attempt failed with
 */
export async function withQuorum<H extends Hello, T>(
  { standing }: Pick<Device, 'standing'>,
  open: () => Promise<Opened<H>>,
  talk: (opened: Opened<H>) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    let present: readonly PartyIndex[] = []
    try {
      const opened = await open()
      const { legs } = opened
      present = [...legs.each.keys()]
      const result = await talk(opened).finally(legs.close)
      standing.answered(present)
      return result
    } catch (error) {
      if (!(error instanceof TandemError) || error.members === undefined) throw error
      standing.failed(error.members.length > 0 ? error.members : present)
      if (FINAL.includes(error.code) || tries === MAX_QUORUMS) throw error
    }
  }
}
