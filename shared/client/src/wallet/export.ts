import { x25519 } from '@noble/curves/ed25519.js'
import { combineShares, type KeyShare, type RecoveredKey, shareOfPeer, TH } from '@tandem/ecdsa'
import type { PartyIndex } from '@tandem/rounds'
import { fromHex, type SealedShare, toHex, type TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { DEVICE, membersToSign, peersOf, SIGPAIR } from '../members.ts'
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
 * Beside a committee as many members' shares are opened as make the key with the device's.
 *
 * Source: docs/spec/flows.md 11.2, 11.3; gateway.md 5.3.
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
    const key = combine(device, share, await openAll(device, share, exchange, sealed))
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

/** Each verified under its party's point. One member that sends nonsense does not spoil what the others sent. */
async function openAll(
  device: Device,
  share: KeyShare,
  exchange: Uint8Array,
  { nodes = [], ...sealed }: SealedShare,
): Promise<readonly KeyShare[]> {
  if (share.self === DEVICE) return [await openOne(device, share, exchange, { index: SIGPAIR, ...sealed })]
  const opened: KeyShare[] = []
  for (const index of peersOf(share)) {
    const own = nodes.find((node) => node.index === index && node.epoch === share.epoch)
    if (own === undefined) continue
    const one = await openOne(device, share, exchange, { ...own, index }).catch(unlessRefused)
    if (one !== undefined) opened.push(one)
  }
  if (opened.length >= membersToSign(share)) return opened
  for (const { secret } of opened) secret.fill(0)
  throw new TandemError('ANSWER_REFUSED', 'Too few members sealed their shares of this wallet; try again.')
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof TandemError) || error.code !== 'ANSWER_REFUSED') throw error
}

type SealedFor = { readonly index: PartyIndex } & Pick<SealedShare, 'enc' | 'ciphertext'>

/** s_i·G = X_i, or nothing. */
async function openOne(device: Device, share: KeyShare, exchange: Uint8Array, sealed: SealedFor): Promise<KeyShare> {
  const secret = await openSealed(device, share, exchange, sealed)
  try {
    return shareOfPeer(device.backend, share, sealed.index, secret)
  } catch (cause) {
    secret.fill(0)
    throw new TandemError('ANSWER_REFUSED', 'What Sigpair sealed is not its share of this wallet.', { cause })
  }
}

/** HPKE, base mode. The library is loaded on first use: an export is rare. */
async function openSealed(
  { backend }: Device,
  { keyId, epoch }: KeyShare,
  exchange: Uint8Array,
  { index, enc, ciphertext }: SealedFor,
): Promise<Uint8Array> {
  const [{ CipherSuite }, noble] = await Promise.all([import('hpke'), import('@panva/hpke-noble')])
  const { KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305 } = noble
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305)
  const info = TH(backend, 'export', keyId, le(4, epoch), le(2, index))
  try {
    const privateKey = await suite.DeserializePrivateKey(exchange, false)
    return await suite.Open(privateKey, fromHex(enc), fromHex(ciphertext), { info })
  } catch (cause) {
    throw new TandemError('ANSWER_REFUSED', 'What Sigpair sealed does not open for this export.', { cause })
  }
}

/** x·G = X, or nothing. What was opened is overwritten. */
function combine({ backend }: Device, share: KeyShare, opened: readonly KeyShare[]): RecoveredKey {
  try {
    return combineShares(backend, [share, ...opened])
  } catch (cause) {
    throw new TandemError('ANSWER_REFUSED', 'What Sigpair sealed is not its share of this wallet.', { cause })
  } finally {
    for (const { secret } of opened) secret.fill(0)
  }
}

function le(bytes: number, value: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (value >>> (8 * at)) & 0xff)
}
