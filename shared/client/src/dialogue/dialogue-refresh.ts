import {
  type Backend,
  backupHash,
  backupStatement,
  decodeStage,
  hideSecrets,
  type KeyShare,
  pveVerify,
  refresh,
} from '@tandem/ecdsa'
import { runAlone } from '@tandem/rounds'
import { fromHex, toHex } from '@tandem/wire'
import { type Dialogue, SIGPAIR } from './dialogue.ts'
import { TandemError } from '../errors.ts'
import type { DeviceIdentity } from '../identity.ts'
import type { PinnedKeys } from '../pin.ts'
import type { Platform } from '../platform.ts'
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

/** A verified backup of Sigpair's share of one epoch. */
export type SigpairBackup = {
  readonly epoch: number
  /** 16 528 bytes; useless without the private half of the recovery key, and without the device's share */
  readonly encryptedData: Uint8Array
  /** 0x-hex: two screens that show the same mean the same ciphertext */
  readonly verificationHash: string
  /** the recovery key it opens with, public, 0x-hex */
  readonly encryptionKey: string
}

/** The backup is absent where no recovery key is enrolled. */
export type Refreshed = { readonly stage: DeviceEpoch; readonly backup: SigpairBackup | undefined }

/**
 * New shares, staged on both sides, rehearsed, and Sigpair's half backed up. Nothing is in force before the commit.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for a recovery key that the owner has not named here, or a backup that does not verify
 *
 * Source: docs/spec/flows.md 9.1 to 9.4, 12.2 to 12.4.
 */
export async function refreshOnDevice(dialogue: Dialogue, run: RefreshRun): Promise<Refreshed> {
  const { platform, backend, device, keys, onProgress, opened } = run
  const { stageId, recoveryKey } = dialogue.answer
  if (stageId === undefined) throw new TandemError('ANSWER_REFUSED', 'Sigpair named no stage for the new shares.')
  if (recoveryKey !== undefined) requireNamed(run.recoveryKeys, recoveryKey)
  if (opened !== undefined) dialogue.sendBytes('share', opened)

  const share = hideSecrets({ ...run.share, identities: [device.identity, keys.identity] })
  const deps = { backend, rng: platform.random, sign: device.sign }
  const result = await runOnDevice(platform, dialogue, refresh({ share, stageId: fromHex(stageId) }, deps), {
    record: async (entry) => {
      if (entry.entry !== 'store') return
      await run.stage(epochOf(backend, stageId, decodeStage(backend, entry.bytes)))
    },
    onRound: (round) => {
      onProgress({ step: 'refresh', round })
    },
  })
  await rehearse(dialogue, run, result, stageId)
  const backup = recoveryKey === undefined ? undefined : await receiveBackup(dialogue, run, result.share, recoveryKey)

  dialogue.sendControl('stored')
  await dialogue.receiveControl('done')
  return { stage: epochOf(backend, stageId, result), backup }
}

/** What is encrypted to a key that is not the owner's opens for somebody else, and for the owner never. */
function requireNamed(named: readonly string[], recoveryKey: string): void {
  const isNamed = named.includes(recoveryKey.toLowerCase())
  const foreign = 'Sigpair backs up to a recovery key that was not named on this device; name it if it is yours.'
  if (!isNamed) throw new TandemError('ANSWER_REFUSED', foreign) // check L13
}

async function receiveBackup(
  dialogue: Dialogue,
  { platform, backend, onProgress }: RefreshRun,
  share: KeyShare,
  recoveryKey: string,
): Promise<SigpairBackup> {
  onProgress({ step: 'backup' })
  return verifiedBackup(platform, backend, share, recoveryKey, await dialogue.receiveBytes('backup'))
}

/**
 * A ciphertext that opens, with the private half of `recoveryKey`, to Sigpair's share of the epoch of ours.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for any other
 *
 * Source: docs/spec/backup.md 1.6.
 */
export async function verifiedBackup(
  { breathe }: Platform,
  backend: Backend,
  share: KeyShare,
  recoveryKey: string,
  encryptedData: Uint8Array,
): Promise<SigpairBackup> {
  const statement = backupStatement(share, { party: SIGPAIR, purpose: 'recovery', ek: fromHex(recoveryKey) })
  const good = await runAlone(pveVerify(backend, statement, encryptedData), breathe)
  const worthless = new TandemError('ANSWER_REFUSED', 'The backup of Sigpair’s share does not verify; do not keep it.')
  if (!good) throw worthless // check L7
  const verificationHash = toHex(backupHash(backend, encryptedData))
  return { epoch: share.epoch, encryptedData, verificationHash, encryptionKey: recoveryKey.toLowerCase() }
}
