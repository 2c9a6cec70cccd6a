import type { Presignature, RecoveredKey } from '@tandem/ecdsa'
import type { FreezeResponse, TwoFactorCode } from '@tandem/wire'
import type { ShareSealer } from './backup/device-share.ts'
import type { Device } from './device.ts'
import type { SigpairBackup } from './dialogue/dialogue-refresh.ts'
import { type BackupOptions, backUp, changeRecoveryKey, exportDeviceShare } from './wallet/back-up.ts'
import type { Wallet } from './wallet/create-wallet.ts'
import { deleteWallet, freeze } from './wallet/custody.ts'
import { drill } from './wallet/drill.ts'
import { cancelExport, confirmExport, type Export, requestExport } from './wallet/export.ts'
import type { Renewed } from './wallet/new-epoch.ts'
import { settleStage } from './wallet/reconcile.ts'
import {
  cancelRestore,
  type FinishOptions,
  finishRestore,
  type Restore,
  restoreDevice,
  restores,
  restoreServer,
} from './wallet/restore.ts'
import { type RotateOptions, rotateKey } from './wallet/rotate.ts'
import type { Stock } from './wallet/stock.ts'

/** The life of a wallet after its creation. Each is explained where it is defined, under `wallet/`. */
export type KeyOperations = {
  /** new shares, same address; `backups` says where the new backups are kept before the old ones die */
  rotateKey(wallet: Wallet, options: RotateOptions): Promise<Renewed>
  /** Sigpair's share for the owner's recovery key, verified; the first one enrols the key */
  backUp(wallet: Wallet, options: BackupOptions): Promise<SigpairBackup>
  /** another recovery key, in force from `notBefore`, in seconds since 1970 */
  changeRecoveryKey(wallet: Wallet, options: BackupOptions): Promise<{ readonly notBefore: number }>
  /** this device's share, sealed; `sealWithAge` of `@tandem/client/backup` makes an age file */
  exportDeviceShare(wallet: Wallet, seal: ShareSealer): Promise<Uint8Array>
  /** whether an opened backup of this device and Sigpair's share can act together */
  drill(wallet: Wallet, content: Uint8Array): Promise<{ readonly epoch: number }>
  /** asks for the whole key; after `notBefore` {@link confirmExport} gives it */
  requestExport(wallet: Wallet, twoFactorCode?: TwoFactorCode): Promise<Export>
  /** the whole key; the caller overwrites `secret` */
  confirmExport(wallet: Wallet, exportId: string): Promise<RecoveredKey>
  cancelExport(wallet: Wallet, exportId: string): Promise<void>
  /** this new device asks for the place of a lost one, with its opened backup */
  restoreDevice(content: Uint8Array, twoFactorCode?: TwoFactorCode): Promise<Restore>
  /** this device asks to bring back the share that Sigpair lost */
  restoreServer(wallet: Wallet, twoFactorCode?: TwoFactorCode): Promise<Restore>
  /** restores that were asked for on this device and are not in force yet */
  restores(): Promise<Restore[]>
  /** after `notBefore`: new shares for this device and Sigpair */
  finishRestore(restore: Restore, options: FinishOptions): Promise<Renewed>
  /** takes back a restore, as the profile names it, that the owner of this device did not ask for */
  cancelRestore(wallet: Wallet, restoreId: string): Promise<void>
  /** stops the wallet at Sigpair; `rotateKey` with `repair` starts it again */
  freeze(wallet: Wallet, twoFactorCode?: TwoFactorCode): Promise<FreezeResponse>
  /** erases the key for ever, at Sigpair and here */
  deleteWallet(wallet: Wallet, twoFactorCode?: TwoFactorCode): Promise<void>
}

/** What needs the epoch in force waits until an open stage is settled. */
export function createKeyOperations(device: Device, stock: Stock<Presignature>): KeyOperations {
  const settled = async <T>({ keyId }: Wallet, act: () => Promise<T>): Promise<T> => {
    await settleStage(device, stock, keyId)
    return act()
  }
  return {
    rotateKey: async (wallet, options) => rotateKey(device, stock, wallet, options),
    backUp: async (wallet, options) => settled(wallet, async () => backUp(device, wallet, options)),
    changeRecoveryKey: async (wallet, options) =>
      settled(wallet, async () => changeRecoveryKey(device, wallet, options)),
    exportDeviceShare: async (wallet, seal) => settled(wallet, async () => exportDeviceShare(device, wallet, seal)),
    drill: async (wallet, content) => drill(device, wallet, content),
    requestExport: async (wallet, code) => settled(wallet, async () => requestExport(device, wallet, code)),
    confirmExport: async (wallet, exportId) => settled(wallet, async () => confirmExport(device, wallet, exportId)),
    cancelExport: async (wallet, exportId) => cancelExport(device, wallet, exportId),
    restoreDevice: async (content, code) => restoreDevice(device, content, code),
    restoreServer: async (wallet, code) => settled(wallet, async () => restoreServer(device, wallet, code)),
    restores: async () => restores(device),
    finishRestore: async (restore, options) => finishRestore(device, stock, restore, options),
    cancelRestore: async (wallet, restoreId) => settled(wallet, async () => cancelRestore(device, wallet, restoreId)),
    freeze: async (wallet, code) => freeze(device, stock, wallet, code),
    deleteWallet: async (wallet, code) => deleteWallet(device, stock, wallet, code),
  }
}
