import { type KeyShare, provePossession, verifyPossession } from '@tandem/ecdsa'
import { type DrillResponse, fromHex, toHex } from '@tandem/wire'
import { readDeviceShareContent } from '../backup/device-share.ts'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { DEVICE, membersToSign, SIGPAIR } from '../members.ts'
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
 * Beside a committee as many members prove theirs as sign.
 *
 * Source: docs/spec/flows.md 10.3, gateway.md 5.3.
 */
export async function drill(device: Device, wallet: Wallet, content: Uint8Array): Promise<{ readonly epoch: number }> {
  const { api, platform, backend } = device
  const share = readDeviceShareContent(backend, content)
  try {
    if (toHex(share.publicKey) !== wallet.publicKey.toLowerCase()) throw unfit('This backup is of another wallet.')
    const challenge = platform.random(32)
    const answer = await api.drill({ profileId: wallet.profileId, challenge: toHex(challenge) })
    const parts = partsOf(share, answer)
    const others = parts.filter(({ epoch }) => epoch !== share.epoch)
    if (parts.length - others.length < membersToSign(share)) throw tooFew(share, others[0]?.epoch)

    const why = { purpose: 'drill' as const, challenge }
    const ours = { ...claimOf(share, share.self), proof: provePossession(backend, share, platform.random, why) }
    const holds = (half: typeof ours) => verifyPossession(backend, half, half.proof, why)
    const theirs = parts.filter(({ index, publicShare, proof }) => {
      const half = { ...claimOf(share, index), proof: fromHex(proof) }
      return publicShare.toLowerCase() === toHex(half.publicShare) && holds(half)
    })
    if (!holds(ours) || new Set(theirs.map(({ index }) => index)).size < membersToSign(share))
      throw new TandemError('ANSWER_REFUSED', 'Sigpair cannot prove its half; restore the wallet now.')
    return { epoch: share.epoch }
  } finally {
    share.secret.fill(0)
  }
}

/** What each member said, or Sigpair. */
function partsOf({ self }: KeyShare, answer: DrillResponse) {
  return self === DEVICE ? [{ index: SIGPAIR, ...answer }] : (answer.nodes ?? [])
}

/** From the backup, not from the answer. */
function claimOf({ keyId, ssid, epoch, publicShares }: KeyShare, party: number) {
  return { keyId, ssid, epoch, publicShare: publicShares[party - 1] ?? new Uint8Array() }
}

export function pastEpoch({ epoch }: Pick<KeyShare, 'epoch'>, current: number): string {
  return `This backup is of epoch ${epoch}, the wallet is in epoch ${current}; use the newest backup.`
}

function tooFew(share: KeyShare, current: number | undefined): TandemError {
  if (current !== undefined) return unfit(pastEpoch(share, current))
  return new TandemError('UNAVAILABLE', 'Too few members of the committee have answered; try again later.')
}

function unfit(message: string): TandemError {
  return new TandemError('BACKUP', message)
}
