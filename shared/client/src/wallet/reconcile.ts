import type { Presignature } from '@tandem/ecdsa'
import type { StageResponse, TwoFactorCode } from '@tandem/wire'
import { checkReceipt } from './commit.ts'
import { isInForceWithMembers, type OpenStage, settleWithMembers } from './committee-stage.ts'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import type { PinnedKeys } from '../pin.ts'
import { checkAbortReceipt, isInForce } from './receipts.ts'
import { heldShare, stagedShare } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { withFate } from '../vault/stages.ts'
import { loadWallet, loadWallets, saveWallet, type WalletRecord } from '../vault/wallet-record.ts'

/**
 * Before an operation on a wallet: an open stage is settled first, and presignatures of a past epoch are forgotten. A stage that this very app is making is left alone; until its
 * commit everything goes on in the epoch in force.
 *
 * @throws {TandemError} as {@link reconcile}
 */
export async function settleStage(device: Device, stock: Stock<Presignature>, keyId: string): Promise<void> {
  if (device.renewing.has(keyId)) return
  const { current, stage } = await loadWallet(device.vault, keyId)
  // Another instance of the app may have rotated the wallet in the same vault.
  stock.keep(keyId, ({ epoch }) => epoch === current?.epoch)
  if (current === null || stage === null) return
  await device.exclusively(keyId, async () => reconcile(device, stock, keyId))
}

/** Sigpair's words for a key that one wallet cannot be settled with, and the others must not wait for. */
const HOPELESS: readonly TandemError['code'][] = ['NOT_FOUND', 'KEY_DELETED', 'KEY_FROZEN', 'EPOCH_MISMATCH']

/**
 * At the start of the app: every wallet with an open stage. What cannot be settled keeps both its epochs and holds up no other.
 *
 * @throws the first failure that another try may mend, after all have been tried
 */
export async function settleStages(device: Device, stock: Stock<Presignature>): Promise<void> {
  const failures: unknown[] = []
  for (const { keyId } of await loadWallets(device.vault)) {
    await settleStage(device, stock, keyId).catch((error: unknown) => failures.push(error))
  }
  const failure = failures.find((error) => !(error instanceof TandemError) || !HOPELESS.includes(error.code))
  if (failure !== undefined) throw failure
}

/**
 * Asks what became of the open stage, and does what the receipt says: `committed` makes it current, `aborted` erases it. One
 * that is still staged is given up. On anything else both stay, and nothing is signed unless Sigpair's signed status names the
 * epoch that is current here. Nothing is ever erased on less than a receipt. The caller has the wallet for itself.
 *
 * @param twoFactorCode beside a committee, for a commit that was signed and has to be repeated
 * @throws {TandemError} `EPOCH_MISMATCH` if another epoch is in force; `ANSWER_REFUSED` without Sigpair's signature; `NETWORK`
 *
 * Source: docs/spec/refresh.md 3.6, flows.md 9.8, gateway.md 5.2.
 */
export async function reconcile(
  device: Device,
  stock: Stock<Presignature>,
  keyId: string,
  twoFactorCode?: TwoFactorCode,
): Promise<void> {
  const record = await loadWallet(device.vault, keyId)
  const { current, stage } = record
  if (current === null || stage === null) return
  const keys = await device.sigpairKeys()
  if (keys.committee !== undefined) {
    const { fate, answer } = await settleWithMembers(device, keys, { record, stage }, twoFactorCode)
    if (fate === undefined) return requireInForce(device, record, answer)
    return close(device, stock, { record, stage }, fate)
  }
  const name = { keyId, stageId: stage.stageId, epoch: stage.epoch }
  const asked = await device.api.stage(name)
  const answer = asked.fate === 'staged' ? await device.api.abortStage(name) : asked
  if (await settle(device, stock, { record, stage }, answer)) return
  await requireInForce(device, record, answer)
}

/** @returns whether the stage is no longer open */
async function settle(
  device: Device,
  stock: Stock<Presignature>,
  { record, stage }: OpenStage,
  { fate, committed, aborted }: StageResponse,
): Promise<boolean> {
  const { backend } = device
  const keys = await device.sigpairKeys()
  if (fate !== 'committed' && fate !== 'aborted') return false
  if (fate === 'committed') checkReceipt(backend, keys, stage, given(committed))
  else checkAbortReceipt(backend, keys, { share: stagedShare(backend, stage), stageId: stage.stageId }, given(aborted))
  await close(device, stock, { record, stage }, fate)
  return true
}

async function close(
  { vault }: Device,
  stock: Stock<Presignature>,
  { record, stage }: OpenStage,
  fate: 'committed' | 'aborted',
): Promise<void> {
  await saveWallet(vault, withFate(record, stage, fate))
  if (fate === 'committed') stock.clear(record.keyId)
}

async function requireInForce(device: Device, record: WalletRecord, answer: StageResponse): Promise<void> {
  const keys = await device.sigpairKeys()
  const isOurs =
    keys.committee === undefined
      ? isNamed(device, keys, record, answer)
      : isInForceWithMembers(device, keys, record, answer)
  const another = new TandemError('EPOCH_MISMATCH', 'Another epoch of this wallet may be in force; nothing is signed.')
  if (!isOurs) throw another // check L3
}

function isNamed({ backend }: Device, keys: PinnedKeys, record: WalletRecord, { status }: StageResponse): boolean {
  return status !== undefined && isInForce(backend, keys, heldShare(backend, record), status)
}

function given<T>(receipt: T | undefined): T {
  if (receipt === undefined) throw new TandemError('ANSWER_REFUSED', 'The fate of a stage came without its receipt.')
  return receipt
}
