import type { Fate } from '@tandem/ecdsa'
import { ERRORS, type StageResponse, type TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { receiptsNeeded } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import { type DeviceEpoch, loadWallet, type WalletRecord } from '../vault/wallet-record.ts'
import { checkReceipts, committedStatement, requireCommitted } from './commit.ts'
import { repeatCommit } from './epoch-commit.ts'
import { isAway } from './quorum.ts'
import { checkAbortReceipt, isInForce } from './receipts.ts'
import { heldShare, stagedShare } from './signing-key.ts'
import { vouching } from './vouching.ts'

export type OpenStage = { readonly record: WalletRecord; readonly stage: DeviceEpoch }

/** A stage beside a committee: its fate if it has one, and what was last heard of it. */
export type Heard = {
  readonly fate: Extract<Fate, 'committed' | 'aborted'> | undefined
  readonly answer: StageResponse
}

/**
 * Asks the members what became of a stage. One whose commit was never signed is given up; one whose commit was signed may be in
 * force with some and not with others, so the commit is repeated and no abort asked for.
 *
 * @param twoFactorCode of an owner who is asked for it; without one, a commit that needs it stays as it is
 *
 * Source: docs/spec/gateway.md 5.2.
 */
export async function settleWithMembers(
  device: Device,
  keys: PinnedKeys,
  open: OpenStage,
  twoFactorCode?: TwoFactorCode,
): Promise<Heard> {
  const { record, stage } = open
  const name = { keyId: record.keyId, stageId: stage.stageId, epoch: stage.epoch }
  const answer = await device.api.stage(name)
  const fate = fateOf(device, keys, stage, answer)
  if (fate !== undefined) return { fate, answer }
  if (record.commit !== undefined) return { fate: await commitAgain(device, keys, open, twoFactorCode), answer }
  if (!answer.nodes?.some((node) => node.fate === 'staged')) return { fate, answer }
  const given = await device.api.abortStage(name).catch(orElse(answer))
  return { fate: fateOf(device, keys, stage, given), answer: given }
}

/** Too few have given it up; it stays open, and those that are there may sign meanwhile. */
function orElse<T>(before: T): (error: unknown) => T {
  return (error) => {
    if (!isAway(error)) throw error
    return before
  }
}

/** Receipts of as many as sign put it in force; it is over when too few are left that could. */
function fateOf({ backend }: Device, keys: PinnedKeys, stage: DeviceEpoch, { nodes }: StageResponse): Heard['fate'] {
  const needed = receiptsNeeded(keys)
  const share = stagedShare(backend, stage)
  share.secret.fill(0)
  const statement = committedStatement(backend, stage)
  const committed = vouching(keys, nodes, (member, { committed: receipt }) =>
    requireCommitted(member, statement, given(receipt)),
  )
  const aborted = vouching(keys, nodes, (member, { aborted: receipt }) =>
    checkAbortReceipt(backend, member, { share, stageId: stage.stageId }, given(receipt)),
  )
  if (committed.length >= needed.adopt) return 'committed' // check L9
  if (aborted.length >= needed.drop) return 'aborted' // check L9
  return undefined
}

async function commitAgain(
  device: Device,
  keys: PinnedKeys,
  { record, stage }: OpenStage,
  twoFactorCode: TwoFactorCode | undefined,
): Promise<Heard['fate']> {
  const { commit } = await loadWallet(device.vault, record.keyId)
  if (commit === undefined) return undefined
  try {
    checkReceipts(
      device.backend,
      keys,
      stage,
      await repeatCommit(device, record.keyId, { stage, commit }, twoFactorCode),
    )
    return 'committed'
  } catch (error) {
    // Refused, or too few: it stays open, and is asked about again. Whoever gave a code hears why.
    if (twoFactorCode !== undefined || !(error instanceof TandemError) || !isFromOutside(error)) throw error
    return undefined
  }
}

function isFromOutside({ code }: TandemError): boolean {
  return code in ERRORS || code === 'NETWORK' || code === 'ANSWER_REFUSED'
}

/** Whether as many members as sign say, signed, that the epoch current here is in force. */
export function isInForceWithMembers(
  { backend }: Device,
  keys: PinnedKeys,
  record: WalletRecord,
  { nodes }: StageResponse,
): boolean {
  const share = heldShare(backend, record)
  share.secret.fill(0)
  const good = vouching(keys, nodes, (member, { status }) => {
    if (!isInForce(backend, member, share, given(status))) throw new TandemError('EPOCH_MISMATCH', 'Another epoch.')
  })
  return good.length >= receiptsNeeded(keys).adopt
}

function given<T>(receipt: T | undefined): T {
  if (receipt === undefined) throw new TandemError('ANSWER_REFUSED', 'A member did not sign what it says.')
  return receipt
}
