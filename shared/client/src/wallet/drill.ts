import { type KeyShare, provePossession, verifyPossession } from '@tandem/ecdsa'
import { fromHex, toHex } from '@tandem/wire'
import { readDeviceShareContent } from '../backup/device-share.ts'
import type { Device } from '../device.ts'
import { SIGPAIR } from '../dialogue/dialogue.ts'
import { TandemError } from '../errors.ts'
import type { Wallet } from './create-wallet.ts'

/**
 * Whether the opened backup of the device and Sigpair's share can act together, without moving anything: each half is proved
 * over one fresh challenge, and their public points make the wallet's key.
 *
 * @param content the opened backup; the caller overwrites it
 * @returns the epoch both are of
 * @throws {TandemError} `BACKUP` for a backup that is damaged, of another wallet, or of an epoch that is past; `ANSWER_REFUSED` if
 *         Sigpair cannot prove its half
 *
 * Source: docs/spec/flows.md 10.3.
 */
export async function drill(device: Device, wallet: Wallet, content: Uint8Array): Promise<{ readonly epoch: number }> {
  const { api, platform, backend } = device
  const share = readDeviceShareContent(backend, content)
  try {
    if (toHex(share.publicKey) !== wallet.publicKey.toLowerCase()) throw unfit('This backup is of another wallet.')
    const challenge = platform.random(32)
    const answer = await api.drill({ profileId: wallet.profileId, challenge: toHex(challenge) })
    if (answer.epoch !== share.epoch) throw unfit(pastEpoch(share, answer.epoch))

    const why = { purpose: 'drill' as const, challenge }
    const ours = { ...claimOf(share, share.self), proof: provePossession(backend, share, platform.random, why) }
    const theirs = { ...claimOf(share, SIGPAIR), proof: fromHex(answer.proof) }
    const halves = [ours, theirs].every((half) => verifyPossession(backend, half, half.proof, why))
    const same = answer.publicShare.toLowerCase() === toHex(theirs.publicShare)
    if (!halves || !same)
      throw new TandemError('ANSWER_REFUSED', 'Sigpair cannot prove its half; restore the wallet now.')
    return { epoch: share.epoch }
  } finally {
    share.secret.fill(0)
  }
}

/** From the backup, not from the answer. */
function claimOf({ keyId, ssid, epoch, publicShares }: KeyShare, party: number) {
  return { keyId, ssid, epoch, publicShare: publicShares[party - 1] ?? new Uint8Array() }
}

export function pastEpoch({ epoch }: Pick<KeyShare, 'epoch'>, current: number): string {
  return `This backup is of epoch ${epoch}, the wallet is in epoch ${current}; use the newest backup.`
}

function unfit(message: string): TandemError {
  return new TandemError('BACKUP', message)
}
