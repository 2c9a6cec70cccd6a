import { toHex } from '@tandem/wire'
import { checkReceipts, clientShareOf } from './commit.ts'
import { type Device, startDialogue } from '../device.ts'
import { keygenOnDevice } from '../dialogue/dialogue-keygen.ts'
import { TandemError } from '../errors.ts'
import { deviceKeyOf } from '../identity.ts'
import { signIntent } from './intent.ts'
import { addressOf } from './transaction.ts'
import {
  type DeviceEpoch,
  loadWallet,
  loadWallets,
  newPairs,
  saveWallet,
  type WalletRecord,
} from '../vault/wallet-record.ts'

/** A key that exists in two halves, and the profile it belongs to. */
export type Wallet = {
  readonly keyId: string
  readonly profileId: string
  readonly name: string
  /** EIP-55 */
  readonly address: string
  /** X, 0x-hex of 33 bytes */
  readonly publicKey: string
}

/**
 * Generates a key with Sigpair and commits it to a new profile. Interrupted anywhere, {@link resumeWallets} finishes it.
 *
 * Source: docs/spec/flows.md, section 3.
 */
export async function createWallet(device: Device, name: string): Promise<Wallet> {
  const { platform, backend, vault, onProgress } = device
  const identity = await device.identity()
  const ask = { operation: 'keygen' as const, deviceKey: deviceKeyOf(identity) }
  const { legs, keyId } = await startDialogue(device, ask, { op: 'keygen' })

  const stage = async (epoch: DeviceEpoch, publicKey: Uint8Array) =>
    saveWallet(vault, {
      keyId,
      name,
      profileId: null,
      address: addressOf(publicKey),
      publicKey: toHex(publicKey),
      current: null,
      stage: epoch,
      pairs: newPairs(epoch),
      restoring: null,
      recoveryKeys: [],
    })
  try {
    await keygenOnDevice(legs, {
      platform,
      backend,
      device: identity,
      keys: await device.sigpairKeys(),
      keyId,
      stage,
      onProgress,
    })
  } finally {
    legs.close()
  }
  return commitWallet(device, await loadWallet(vault, keyId))
}

/** Sigpair's words for a key that is not in force and may never be: not completed, forgotten, failed. */
const NO_WALLET: readonly TandemError['code'][] = ['KEY_PENDING', 'NOT_FOUND', 'PROTOCOL_ABORTED']

/**
 * Commits every wallet whose creation was interrupted after its stage was stored. Erases nothing: a stage that Sigpair
 * cannot commit stays in the vault, and holds up no other.
 */
export async function resumeWallets(device: Device): Promise<Wallet[]> {
  const open = (await loadWallets(device.vault)).filter((record) => record.current === null)
  const resumed: Wallet[] = []
  for (const record of open) {
    try {
      resumed.push(await commitWallet(device, record))
    } catch (error) {
      if (!(error instanceof TandemError) || !NO_WALLET.includes(error.code)) throw error
    }
  }
  return resumed
}

/** Repeatable: the same stage gets the same profile and the same receipt. */
async function commitWallet(device: Device, record: WalletRecord): Promise<Wallet> {
  const { platform, backend, vault, api, onProgress } = device
  const { keyId, name, stage } = record
  if (stage === null) return walletOf(record)

  onProgress({ step: 'commit' })
  const body = { name, clientShare: clientShareOf(platform, backend, stage) }
  const intent = signIntent(platform, await device.identity(), { op: 'keygen', keyId, epoch: stage.epoch }, body)
  const answer = await api.createProfile({ ...body, intent })

  checkReceipts(backend, await device.sigpairKeys(), stage, answer)
  const committed = { ...record, profileId: answer.profileId, current: stage, stage: null }
  await saveWallet(vault, committed)
  return walletOf(committed)
}

export function walletOf({ keyId, profileId, name, address, publicKey }: WalletRecord): Wallet {
  return { keyId, profileId: profileId ?? '', name, address, publicKey }
}
