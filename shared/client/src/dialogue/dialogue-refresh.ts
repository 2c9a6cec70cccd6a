import {
  type Backend,
  backupHash,
  backupHashOfNodes,
  backupStatement,
  decodeStage,
  hideSecrets,
  type KeyShare,
  pveVerify,
  refresh,
} from '@tandem/ecdsa'
import { type PartyIndex, runAlone } from '@tandem/rounds'
import { fromHex, toHex } from '@tandem/wire'
import { bundleBackups, type SealedShareOf } from '../backup/backup-bundle.ts'
import { TandemError } from '../errors.ts'
import type { DeviceIdentity } from '../identity.ts'
import { DEVICE, identitiesOf } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import type { Platform } from '../platform.ts'
import { finish, fromEach, type Legs } from './legs.ts'
import { epochOf, rehearse } from './rehearsal.ts'
import { type OnProgress, runOnDevice } from './run-host.ts'
import type { DeviceEpoch } from '../vault/wallet-record.ts'

export type RefreshRun = {
  readonly platform: Platform
  readonly backend: Backend
  readonly device: DeviceIdentity
  readonly keys: PinnedKeys
  /** ours, of the epoch in force */
  readonly share: KeyShare
  /** public recovery keys that the owner named on this device, 0x-hex, lower case */
  readonly recoveryKeys: readonly string[]
  /** makes the stage durable; resolves before our acknowledgement leaves */
  readonly stage: (epoch: DeviceEpoch) => Promise<void>
  /** Sigpair's share, as the owner opened it, where Sigpair has lost it */
  readonly opened?: Uint8Array | undefined
  readonly onProgress: OnProgress
}

/** A verified backup of Sigpair's share of one epoch, or of the shares of a committee. */
export type SigpairBackup = {
  readonly epoch: number
  /** 16 528 bytes, or a bundle; useless without the private half of the recovery key, and without the device's share */
  readonly encryptedData: Uint8Array
  /** 0x-hex: two screens that show the same mean the same ciphertext */
  readonly verificationHash: string
  /** the recovery key it opens with, public, 0x-hex */
  readonly encryptionKey: string
  /** beside a committee: the hash of each member's that is in the bundle, in index order, 0x-hex */
  readonly nodes?: readonly string[]
}

/** The backup is absent where no recovery key is enrolled. */
export type Refreshed = { readonly stage: DeviceEpoch; readonly backup: SigpairBackup | undefined }

/**
 * New shares, staged on all sides, rehearsed, and what the others hold backed up. Nothing is in force before the commit.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for a recovery key that the owner has not named here, or a backup that does not verify
 *
 * Source: docs/spec/flows.md 9.1 to 9.4, 12.2 to 12.4; gateway.md 3.3, 5.3.
 */
export async function refreshOnDevice(legs: Legs, run: RefreshRun): Promise<Refreshed> {
  const { platform, backend, device, keys, onProgress, opened } = run
  const { stageId } = legs
  const recoveryKey = recoveryKeyOf(legs)
  if (stageId === undefined) throw new TandemError('ANSWER_REFUSED', 'Sigpair named no stage for the new shares.')
  if (recoveryKey !== undefined) requireNamed(run.recoveryKeys, recoveryKey)
  if (opened !== undefined) for (const dialogue of legs.each.values()) dialogue.sendBytes('share', opened)

  const share = hideSecrets({ ...run.share, identities: identitiesOf(keys, device.identity) })
  const deps = { backend, rng: platform.random, sign: device.sign }
  const result = await runOnDevice(platform, legs, refresh({ share, stageId: fromHex(stageId) }, deps), {
    record: async (entry) => {
      if (entry.entry !== 'store') return
      await run.stage(epochOf(backend, stageId, decodeStage(backend, entry.bytes)))
    },
    onRound: (round) => {
      onProgress({ step: 'refresh', round })
    },
  })
  await rehearse(legs, run, result, stageId)
  const backup = recoveryKey === undefined ? undefined : await receiveBackups(legs, run, result.share, recoveryKey)

  await finish(legs)
  return { stage: epochOf(backend, stageId, result), backup }
}

/** What is encrypted to a key that is not the owner's opens for somebody else, and for the owner never. */
function requireNamed(named: readonly string[], recoveryKey: string): void {
  const isNamed = named.includes(recoveryKey.toLowerCase())
  const foreign = 'Sigpair backs up to a recovery key that was not named on this device; name it if it is yours.'
  if (!isNamed) throw new TandemError('ANSWER_REFUSED', foreign) // check L13
}

/** Members that were away when it was enrolled, or changed, do not know it: a backup would lack theirs. */
function recoveryKeyOf({ each }: Legs): string | undefined {
  const named = new Map([...each].map(([index, { answer }]) => [index, answer.recoveryKey?.toLowerCase()]))
  const [first] = named.values()
  const others = [...named].filter(([, key]) => key !== first).map(([index]) => index)
  if (others.length === 0) return first
  const differ = 'The members do not name the same recovery key; back the wallet up once more, then try again.'
  throw new TandemError('ANSWER_REFUSED', differ).by(others)
}

async function receiveBackups(
  legs: Legs,
  { platform, backend, onProgress }: RefreshRun,
  share: KeyShare,
  recoveryKey: string,
): Promise<SigpairBackup> {
  onProgress({ step: 'backup' })
  const received = await fromEach(legs, async (dialogue) => dialogue.receiveBytes('backup'))
  const entries = [...received].map(([index, encryptedData]) => ({ index, encryptedData }))
  for (const entry of entries) await requireVerified(platform, backend, { share, recoveryKey }, entry)
  return backupOf(backend, { share, recoveryKey }, entries)
}

/** Whose the shares are, and to which recovery key they are encrypted: our own record, not what an answer says. */
export type BackupRecord = { readonly share: KeyShare; readonly recoveryKey: string }

/**
 * A ciphertext that opens, with the private half of `recoveryKey`, to that party's share of the epoch of ours.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for any other
 *
 * Source: docs/spec/backup.md 1.6.
 */
export async function requireVerified(
  { breathe }: Platform,
  backend: Backend,
  { share, recoveryKey }: BackupRecord,
  { index: party, encryptedData }: SealedShareOf,
): Promise<void> {
  const statement = backupStatement(share, { party, purpose: 'recovery', ek: fromHex(recoveryKey) })
  const good = await runAlone(pveVerify(backend, statement, encryptedData), breathe)
  const worthless = new TandemError('ANSWER_REFUSED', 'The backup of Sigpair’s share does not verify; do not keep it.')
  if (!good) throw blamed(share, worthless, party) // check L7
}

/** What an owner keeps, of entries each of which was verified, in index order. */
export function backupOf(
  backend: Backend,
  { share, recoveryKey }: BackupRecord,
  entries: readonly SealedShareOf[],
): SigpairBackup {
  const hashes = entries.map(({ encryptedData }) => backupHash(backend, encryptedData))
  const about = { epoch: share.epoch, encryptionKey: recoveryKey.toLowerCase() }
  const [only] = entries
  if (share.self === DEVICE && only !== undefined) {
    return { ...about, encryptedData: only.encryptedData, verificationHash: toHex(hashes[0] ?? new Uint8Array()) }
  }
  return {
    ...about,
    encryptedData: bundleBackups(entries),
    verificationHash: toHex(backupHashOfNodes(backend, hashes)),
    nodes: hashes.map(toHex),
  }
}

function blamed({ self }: KeyShare, error: TandemError, party: PartyIndex): TandemError {
  return self === DEVICE ? error : error.by([party])
}
