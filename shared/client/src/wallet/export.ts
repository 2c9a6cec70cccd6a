import { x25519 } from '@noble/curves/ed25519.js'
import { combineShares, type KeyShare, type RecoveredKey, shareOfPeer, TH } from '@tandem/ecdsa'
import { fromHex, type SealedShare, toHex, type TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { SIGPAIR } from '../dialogue/dialogue.ts'
import { TandemError } from '../errors.ts'
import type { Wallet } from './create-wallet.ts'
import { signIntent } from './intent.ts'
import { heldShare } from './signing-key.ts'
import { loadWallet } from '../vault/wallet-record.ts'

/** An export that waits. */
export type Export = {
  readonly exportId: string
  /** seconds since 1970: it can be confirmed from then … */
  readonly notBefore: number
  /** … until then */
  readonly expiresAt: number
}

/** Where the X25519 secret of an export rests until it is confirmed. */
const PREFIX = 'export/'

/**
 * Asks for Sigpair's share. Nothing leaves Sigpair before the delay is over and {@link confirmExport}; until then every session
 * of the owner can cancel it.
 *
 * Source: docs/spec/flows.md 11.1.
 */
export async function requestExport(
  device: Device,
  { keyId, profileId }: Wallet,
  twoFactorCode?: TwoFactorCode,
): Promise<Export> {
  const { api, platform, backend, vault } = device
  const { epoch, secret } = heldShare(backend, await loadWallet(vault, keyId))
  secret.fill(0)
  const exchange = platform.random(32)
  const body = { encryptionKey: toHex(x25519.getPublicKey(exchange)) }
  const intent = signIntent(platform, await device.identity(), { op: 'export', keyId, epoch }, body)
  const { exportId, notBefore, expiresAt } = await api.requestExport({
    profileId,
    ...body,
    intent,
    ...(twoFactorCode === undefined ? {} : { twoFactorCode }),
  })
  await vault.put(PREFIX + exportId, exchange)
  return { exportId, notBefore, expiresAt }
}

/**
 * The whole key, in one place: the end of its life as a shared one, even though it goes on signing. Repeatable until it has been
 * answered once.
 *
 * @returns 32 bytes, X and the chain code; it prints as `[secret]`, and the caller overwrites it
 * @throws {TandemError} `FORBIDDEN` before `notBefore`; `NOT_FOUND` when it is past or cancelled; `VAULT` on another device than the
 *         one that asked; `ANSWER_REFUSED` for anything but Sigpair's share of this epoch
 *
 * Source: docs/spec/flows.md 11.2, 11.3.
 */
export async function confirmExport(
  device: Device,
  { keyId, profileId }: Wallet,
  exportId: string,
): Promise<RecoveredKey> {
  const { api, platform, backend, vault } = device
  const exchange = await vault.get(PREFIX + exportId)
  if (exchange === undefined)
    throw new TandemError('VAULT', 'This device did not ask for this export, or has it already.')
  const share = heldShare(backend, await loadWallet(vault, keyId))
  try {
    const about = { op: 'export-confirm' as const, keyId, epoch: share.epoch }
    const intent = signIntent(platform, await device.identity(), about, { exportId })
    const sealed = await api.confirmExport(exportId, { profileId, intent })
    const key = combine(device, share, await openSealed(device, share, exchange, sealed))
    await vault.delete(PREFIX + exportId)
    return key
  } finally {
    share.secret.fill(0)
    exchange.fill(0)
  }
}

/** Takes an export back that was not confirmed, from any session of the owner. */
export async function cancelExport({ api, vault }: Device, { profileId }: Wallet, exportId: string): Promise<void> {
  await api.cancelExport(exportId, profileId)
  await vault.delete(PREFIX + exportId)
}

/** HPKE, base mode. The library is loaded on first use: an export is rare. */
async function openSealed(
  { backend }: Device,
  { keyId, epoch }: KeyShare,
  exchange: Uint8Array,
  { enc, ciphertext }: SealedShare,
): Promise<Uint8Array> {
  const [{ CipherSuite }, noble] = await Promise.all([import('hpke'), import('@panva/hpke-noble')])
  const { KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305 } = noble
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305)
  const info = TH(backend, 'export', keyId, le(4, epoch), le(2, SIGPAIR))
  try {
    const privateKey = await suite.DeserializePrivateKey(exchange, false)
    return await suite.Open(privateKey, fromHex(enc), fromHex(ciphertext), { info })
  } catch (cause) {
    throw new TandemError('ANSWER_REFUSED', 'What Sigpair sealed does not open for this export.', { cause })
  }
}

/** s_2·G = X_2 and x·G = X, or nothing. `opened` is overwritten. */
function combine({ backend }: Device, share: KeyShare, opened: Uint8Array): RecoveredKey {
  try {
    return combineShares(backend, [share, shareOfPeer(backend, share, SIGPAIR, opened)])
  } catch (cause) {
    throw new TandemError('ANSWER_REFUSED', 'What Sigpair sealed is not its share of this wallet.', { cause })
  } finally {
    opened.fill(0)
  }
}

function le(bytes: number, value: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (value >>> (8 * at)) & 0xff)
}
