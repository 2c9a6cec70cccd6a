import { createTandemClient } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import { fast } from '../../helpers/backends.ts'

/** What a device in a process of its own is told. */
export type DyingDevice = {
  readonly baseUrl: string
  readonly token: string
  readonly pin: { readonly publicKey: string; readonly identity: string }
  readonly vaultFolder: string
  readonly vaultKey: readonly number[]
  /** step and round of the progress it is killed at */
  readonly diesAt: string
}

/** A device that starts to create a wallet and is killed on the way: no handler runs, nothing is flushed. */
const { baseUrl, token, pin, vaultFolder, vaultKey, diesAt } = JSON.parse(process.argv[2] ?? '') as DyingDevice
const device = createTandemClient({
  baseUrl,
  pin,
  token: async () => token,
  vault: await fileVault(vaultFolder, Uint8Array.from(vaultKey)),
  backend: fast,
  stock: 0,
  onProgress: ({ step, round }) => {
    if ([step, round].join(' ').trim() === diesAt) process.kill(process.pid, 'SIGKILL')
  },
})
await device.createWallet('Savings')
