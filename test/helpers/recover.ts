import { type KeyShare, noble, provePossession } from '@tandem/ecdsa'
import { readKey } from '@tandem/sigpair'
import {
  CONTROL,
  type DeviceKey,
  fromHex,
  type KeyRestoreConfirmRequest,
  type KeyRotateResponse,
  type RestoreResponse,
  toHex,
} from '@tandem/wire'
import { cancelRestore, confirmRestore, requestRestore } from '../../sigpair/src/keys/restore.ts'
import type { ReceiptDeps } from '../../sigpair/src/keys/stage-fate.ts'
import type { Conversation, Device } from './device.ts'
import { dial, OWNER, rng, type TestSigpair } from './sigpair.ts'
import { intentBy, playRefresh, type Refreshed, type Wallet } from './wallet.ts'

/** What is left of a wallet when one side is lost: the opened backup of the device, and a device to go on with. */
export type Survivor = { readonly keyId: string; readonly share: KeyShare; readonly device: Device }

export const survivorOf = ({ keyId, key: { share }, device }: Wallet, next = device): Survivor => ({
  keyId,
  share,
  device: next,
})

/** As a request names a device. */
export function deviceKeyOf({ cnf, certificate }: Device): DeviceKey {
  return { ...cnf, certificate: toHex(certificate) }
}

export function restoreProof({ share, device: { cnf } }: Pick<Survivor, 'share' | 'device'>): string {
  const device = new Uint8Array([...fromHex(cnf.identity), ...fromHex(cnf.exchange)])
  return toHex(provePossession(noble, share, rng, { purpose: 'restore', device }))
}

type Reason = 'device-lost' | 'server-lost'

export async function askRestore(
  { stores }: Pick<TestSigpair, 'stores'>,
  survivor: Survivor,
  reason: Reason,
  delayMs = 0,
): Promise<RestoreResponse> {
  const { keyId, share, device } = survivor
  const body = { reason, deviceKey: deviceKeyOf(device), proof: restoreProof(survivor) }
  const intent = intentBy(device, { op: 'restore', keyId, epoch: share.epoch }, body)
  return requestRestore(stores, { backend: noble, delayMs }, { keyId, owner: OWNER, body, intent })
}

/** The dialogue `recover` up to its first round. */
export async function dialRecover(
  sigpair: TestSigpair,
  survivor: Survivor,
  restoreId: string,
  { proof = restoreProof(survivor), grant = {} }: { readonly proof?: string; readonly grant?: object } = {},
): Promise<Conversation> {
  const { keyId, share, device } = survivor
  const hello = { op: 'recover' as const, restoreId, proof }
  return dial(sigpair, { device, keyId }, hello, { grant: { epoch: share.epoch, ...grant } })
}

const ZERO = new Uint8Array(32)

/** The first frame, where the server has lost its share: what the owner's recovery key opened. */
export function sendShare({ send }: Conversation, opened: Uint8Array): void {
  send({ protocol: 'control', round: CONTROL.share, from: 1, to: 2, sid: ZERO, epoch: 0, body: opened })
}

/** The whole dialogue: both sides hold the stage, and nothing is in force yet. */
export async function stageRecover(
  sigpair: TestSigpair,
  survivor: Survivor,
  restoreId: string,
  opened?: Uint8Array,
): Promise<Refreshed> {
  const talk = await dialRecover(sigpair, survivor, restoreId)
  if (opened) sendShare(talk, opened)
  const staged = await playRefresh(talk, survivor.device, survivor.share)
  talk.stored()
  await talk.done()
  return staged
}

export type Confirmation = KeyRestoreConfirmRequest & { readonly keyId: string; readonly owner: string }

/** What the new device says to put its stage in force. */
export function confirmationOf(
  { keyId, share, device }: Survivor,
  restoreId: string,
  { stageId }: Pick<Refreshed, 'stageId'>,
  backups: KeyRestoreConfirmRequest['body']['backups'] = { sigpair: 'waived', device: 'waived' },
): Confirmation {
  const body = { restoreId, stageId: toHex(stageId), backups }
  const intent = intentBy(device, { op: 'restore-confirm', keyId, epoch: share.epoch + 1 }, body)
  return { keyId, owner: OWNER, body, intent }
}

export async function confirmWith(
  { stores }: Pick<TestSigpair, 'stores'>,
  deps: ReceiptDeps,
  confirmation: Confirmation,
): Promise<KeyRotateResponse> {
  return confirmRestore(stores, deps, confirmation)
}

/** By the device that is enrolled when this is called, or by whom it is said. */
export async function cancelWith(
  { stores }: Pick<TestSigpair, 'stores'>,
  { keyId, device }: Pick<Survivor, 'keyId' | 'device'>,
  restoreId: string,
) {
  const epoch = (await readKey(stores, keyId))?.key.current?.epoch ?? 0
  const body = { restoreId }
  const intent = intentBy(device, { op: 'restore-cancel', keyId, epoch }, body)
  return cancelRestore(stores, { keyId, owner: OWNER, body, intent })
}
