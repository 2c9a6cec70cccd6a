import type { TandemClient, Wallet } from '@tandem/client'
import { createRecoveryKit } from '@tandem/client/backup'
import { URI } from 'otpauth'

/** What a flow needs to know in whichever process it runs: JSON. */
export type Prepared = {
  readonly wallet?: Wallet
  /** of the second factor, each good once */
  readonly codes: readonly string[]
}

/** Something that two sides do together, and that either may die in. */
export type Flow = {
  readonly name: 'keygen' | 'refresh'
  /** before anybody can die */
  readonly prepare: (device: TandemClient) => Promise<Prepared>
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

/** A rotation with everything that belongs to it: both backups, the second factor. */
const rotate = async (device: TandemClient, { wallet }: Prepared, twoFactorCode: string | undefined) => {
  const backups = { seal: async (content: Uint8Array) => content.slice(), save: async () => undefined }
  return device.rotateKey(known(wallet), { backups, twoFactorCode })
}

const refresh: Flow = {
  name: 'refresh',
  prepare: async (device) => {
    const [first, ...codes] = await enrol(device)
    const wallet = await device.createWallet('Savings')
    const { encryptionKey } = createRecoveryKit()
    await device.backUp(wallet, { encryptionKey, twoFactorCode: first })
    return { wallet, codes }
  },
  act: async (device, prepared) => rotate(device, prepared, prepared.codes[0]),
  settle: async (device, { wallet }) => {
    await device.resume()
    return known(wallet)
  },
  again: async (device, prepared) => rotate(device, prepared, prepared.codes[1]),
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

export const FLOWS: readonly Flow[] = [keygen, refresh]

export function flowOf(name: string): Flow {
  const flow = FLOWS.find((one) => one.name === name)
  if (flow === undefined) throw new TypeError(`there is no flow ${name}: ${FLOWS.map((one) => one.name).join(', ')}`)
  return flow
}
