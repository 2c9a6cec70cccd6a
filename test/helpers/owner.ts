import { memoryVault, type TandemClient, type TandemOptions, type Vault, type Wallet } from '@tandem/client'
import { decodeShare, type KeyShare } from '@tandem/ecdsa'
import { verifyMessage } from 'ethers'
import { URI } from 'otpauth'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from './backends.ts'
import type { TestStack } from './stack.ts'

/** A user with a wallet, a second factor, and as many codes of it as there are recovery codes. */
export type Owner = {
  readonly user: string
  readonly vault: Vault
  readonly device: TandemClient
  readonly wallet: Wallet
  /** another one each time */
  readonly code: () => string
}

export async function ownerOn(stack: TestStack, user: string, options: Partial<TandemOptions> = {}): Promise<Owner> {
  const vault = options.vault ?? memoryVault()
  const device = stack.device(user, { ...options, vault })
  const totp = URI.parse((await device.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const codes = await device.confirmSecondFactor(totp.generate())
  const wallet = await device.createWallet('Savings')
  const code = () => {
    const next = codes.pop()
    if (next === undefined) throw new Error('out of recovery codes')
    return next
  }
  return { user, vault, device, wallet, code }
}

/** Signs a text, and checks it under the address. */
export async function expectSigns(device: TandemClient, wallet: Wallet, text = 'still mine'): Promise<void> {
  expect(verifyMessage(text, await device.signMessage(wallet, text))).toBe(wallet.address)
}

/** What the device holds in force. */
export async function shareIn(vault: Vault, { keyId }: Wallet): Promise<KeyShare> {
  const { current } = await loadWallet(vault, keyId)
  if (current === null) throw new Error('nothing is in force')
  return decodeShare(fast, current.share)
}
