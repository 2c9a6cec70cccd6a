import type { TandemClient, Wallet } from '@tandem/client'
import { createRecoveryKit } from '@tandem/client/backup'
import { fromBase64url, toBase64url } from '@tandem/wire'
import { URI } from 'otpauth'

/** What a flow needs to know in whichever process it runs: JSON. */
export type Prepared = {
  readonly wallet?: Wallet
  /** of the second factor, each good once */
  readonly codes: readonly string[]
  /** public half of the owner's recovery key */
  readonly encryptionKey?: string
  /** the opened backup of a device that is lost, base64url */
  readonly backup?: string
}

/** Something that two sides do together, and that either may die in. */
export type Flow = {
  readonly name: 'keygen' | 'refresh' | 'recover'
  /** Before anybody can die. @param lost another device of the same user */
  readonly prepare: (device: TandemClient, lost: () => Promise<TandemClient>) => Promise<Prepared>
  readonly act: (device: TandemClient, prepared: Prepared) => Promise<unknown>
  /** what an app does after a crash: reconcile, and once more if it did not happen; the wallet that must work now */
  readonly settle: (device: TandemClient, prepared: Prepared) => Promise<Wallet>
  /** the same once more, to its end: a crash leaves nothing in the way */
  readonly again?: (device: TandemClient, prepared: Prepared) => Promise<unknown>
}

const keygen: Flow = {
  name: 'keygen',
  prepare: async () => ({ codes: [] }),
  act: (device) => device.createWallet('Savings'),
  settle: async (device) => {
    await device.resume()
    const [wallet, ...others] = await device.wallets()
    if (others.length > 0) throw new Error('there is more than one wallet')
    return wallet ?? device.createWallet('Savings')
  },
}

type Restore = Awaited<ReturnType<TandemClient['restoreDevice']>>

/** Where an app would keep them. */
const BACKUPS = { seal: async (content: Uint8Array) => content.slice(), save: async () => undefined }

async function rotate(device: TandemClient, { wallet }: Prepared, twoFactorCode: string | undefined): Promise<unknown> {
  return device.rotateKey(known(wallet), { backups: BACKUPS, twoFactorCode })
}

/** A wallet with a second factor and a recovery key: a rotation has everything then that belongs to it. */
async function startWallet(device: TandemClient): Promise<Prepared & { readonly wallet: Wallet }> {
  const [first, ...codes] = await enrol(device)
  const wallet = await device.createWallet('Savings')
  const { encryptionKey } = createRecoveryKit()
  await device.backUp(wallet, { encryptionKey, twoFactorCode: first })
  return { wallet, codes, encryptionKey }
}

const refresh: Flow = {
  name: 'refresh',
  prepare: startWallet,
  act: async (device, prepared) => rotate(device, prepared, prepared.codes[0]),
  settle: async (device, { wallet }) => {
    await device.resume()
    return known(wallet)
  },
  again: async (device, prepared) => rotate(device, prepared, prepared.codes[1]),
}

async function finish(device: TandemClient, restore: Restore, encryptionKey: string | undefined): Promise<unknown> {
  return device.finishRestore(restore, { backups: BACKUPS, encryptionKey })
}

async function recoverFrom({ backup = '' }: Prepared, device: TandemClient, code: string | undefined) {
  return device.restoreDevice(fromBase64url(backup), code)
}

const recover: Flow = {
  name: 'recover',
  prepare: async (_, lost) => {
    const device = await lost()
    const prepared = await startWallet(device)
    const opened = await device.exportDeviceShare(prepared.wallet, BACKUPS.seal)
    await device.close()
    return { ...prepared, backup: toBase64url(opened) }
  },
  act: async (device, prepared) => {
    const restore = await recoverFrom(prepared, device, prepared.codes[0])
    return finish(device, restore, prepared.encryptionKey)
  },
  settle: async (device, prepared) => {
    await device.resume()
    if ((await device.wallets()).length === 0) {
      const [asked] = await device.restores()
      const restore = asked ?? (await recoverFrom(prepared, device, prepared.codes[1]))
      await finish(device, restore, prepared.encryptionKey)
    }
    return known((await device.wallets())[0])
  },
  again: async (device, prepared) => rotate(device, prepared, prepared.codes[2]),
}

/** @returns codes that are good once each */
async function enrol(device: TandemClient): Promise<readonly string[]> {
  const totp = URI.parse((await device.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  return device.confirmSecondFactor(totp.generate())
}

function known(wallet: Wallet | undefined): Wallet {
  if (wallet === undefined) throw new TypeError('this flow begins with a wallet')
  return wallet
}

export const FLOWS: readonly Flow[] = [keygen, refresh, recover]

export function flowOf(name: string): Flow {
  const flow = FLOWS.find((one) => one.name === name)
  if (flow === undefined) throw new TypeError(`there is no flow ${name}: ${FLOWS.map((one) => one.name).join(', ')}`)
  return flow
}
