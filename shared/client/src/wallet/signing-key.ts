import { type Backend, decodePair, decodeShare, type KeyShare, openPair, type SigningKey } from '@tandem/ecdsa'
import type { PartyIndex } from '@tandem/rounds'
import { TandemError } from '../errors.ts'
import { DEVICE, membersToSign, peersOf } from '../members.ts'
import { frozen } from '../vault/journal.ts'
import type { DeviceEpoch, WalletRecord } from '../vault/wallet-record.ts'

/**
 * The share of a wallet's current epoch.
 *
 * @throws {TandemError} `KEY_PENDING` before the commit; `WALLET_FROZEN` while fewer pairs are sound than sign together; `VAULT`
 *         for a damaged share
 */
export function currentShare(backend: Backend, record: WalletRecord): KeyShare {
  if (record.current !== null && !record.pairs.some((pair) => isSound(record, pair.peer))) throw frozen()
  const share = heldShare(backend, record)
  if (soundPeers(record, share).length >= membersToSign(share)) return share
  share.secret.fill(0)
  throw frozen()
}

/**
 * The share of the current epoch, whether its pairs sign or not: all that backup, rotation and export need.
 *
 * @throws {TandemError} `KEY_PENDING` before the first commit; `VAULT` for a damaged share
 */
export function heldShare(backend: Backend, { current }: WalletRecord): KeyShare {
  if (current === null) throw new TandemError('KEY_PENDING', 'This wallet is not in force yet; call resume().')
  return intact(() => decodeShare(backend, current.share))
}

/** The share of an epoch that is not in force yet. @throws {TandemError} `VAULT` for a damaged share */
export function stagedShare(backend: Backend, stage: DeviceEpoch): KeyShare {
  return intact(() => decodeShare(backend, stage.share))
}

/**
 * As {@link currentShare}, with pairs opened: about a thousand hashes each, so once per dialogue.
 *
 * @param signers those whose pairs are needed; all sound ones when absent
 */
export function signingKey(backend: Backend, record: WalletRecord, signers?: readonly PartyIndex[]): SigningKey {
  const share = currentShare(backend, record)
  const peers = soundPeers(record, share).filter((peer) => signers === undefined || signers.includes(peer))
  const opened = peers.map((peer) => {
    const held = record.current?.pairs.find((pair) => pair.peer === peer)
    const setup = intact(() => decodePair(backend, share, held?.setup ?? new Uint8Array()))
    if (setup.peer !== peer) throw damaged()
    return [peer, openPair(backend, setup)] as const
  })
  return { share, pairs: new Map(opened) }
}

/** With whom this device can still sign. */
export function soundPeers(record: WalletRecord, share: KeyShare): readonly PartyIndex[] {
  return peersOf(share).filter((peer) => isSound(record, peer))
}

/** Who made a presignature: in a pair the two of it, whatever it says. */
export function signersOf(share: KeyShare, presignature: { readonly signers: readonly PartyIndex[] }) {
  return share.self === DEVICE ? [DEVICE, ...peersOf(share)] : presignature.signers
}

function isSound({ current, pairs }: WalletRecord, peer: number): boolean {
  const held = current?.pairs.find((pair) => pair.peer === peer)
  return held !== undefined && held.setup.length > 0 && pairs.some((p) => p.peer === peer && p.status === 'ACTIVE')
}

function intact<T>(decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause?: unknown): TandemError {
  return new TandemError('VAULT', 'The share in the vault is damaged; restore this wallet from a backup.', { cause })
}
