import type { TandemClient } from '../client.ts'

/** A name for each parameter. */
type Names<Parameters extends readonly unknown[]> = { readonly [At in keyof Required<Parameters>]: string }

/** Every method of the SDK, with what the host calls its arguments. */
type OfClient = { readonly [Name in keyof TandemClient]: Names<Required<Parameters<TandemClient[Name]>>> }

/** Beside them: what the SDK gives as a function, or exports on its own. */
type OfBridge = { readonly waitForTransaction: Names<[string, number]>; readonly createRecoveryKit: Names<[]> }

/**
 * What a host can call, and its arguments in order. Held to the SDK by its types, and to Swift by test/ios/swift-names.test.ts.
 *
 * Where the SDK takes functions, the host gives a word: `backups: "kept"` for those that seal and save (it is then asked
 * `sealShare` and `saveBackups`), `approve: true` for the one that judges a batch (`approveBatch`); `keyId` for a key of
 * App Attest, which is then asked `attestKey` or `assertKey`.
 */
export const METHODS = {
  createWallet: ['name'],
  resume: [],
  wallets: [],
  sendTransaction: ['wallet', 'request'],
  waitForTransaction: ['sessionId', 'ms'],
  sendBatch: ['wallet', 'request'],
  settleBatches: [],
  batch: ['batchId'],
  settlePayments: [],
  addressOf: ['wallet', 'path'],
  signMessage: ['wallet', 'message', 'twoFactorCode'],
  // a text: what a dapp hands over is nobody's data but its own
  signTypedData: ['wallet', 'json', 'twoFactorCode'],
  // the host is asked for what the key says
  attestDevice: ['keyId'],
  enrolSecondFactor: ['twoFactorCode'],
  confirmSecondFactor: ['code'],
  policy: ['wallet'],
  setPolicy: ['wallet', 'policy', 'twoFactorCode'],
  auditLog: ['wallet'],
  fillPresignatures: ['wallet', 'target'],
  presignaturesInStock: ['wallet'],
  close: [],
  rotateKey: ['wallet', 'options'],
  backUp: ['wallet', 'options'],
  changeRecoveryKey: ['wallet', 'options'],
  exportDeviceShare: ['wallet', 'seal'],
  drill: ['wallet', 'content'],
  requestExport: ['wallet', 'twoFactorCode'],
  confirmExport: ['wallet', 'exportId'],
  cancelExport: ['wallet', 'exportId'],
  restoreDevice: ['content', 'twoFactorCode'],
  restoreServer: ['wallet', 'twoFactorCode'],
  restores: [],
  finishRestore: ['restore', 'options'],
  cancelRestore: ['wallet', 'restoreId'],
  freeze: ['wallet', 'twoFactorCode'],
  deleteWallet: ['wallet', 'twoFactorCode'],
  createRecoveryKit: [],
} as const satisfies OfClient & OfBridge

export type Method = keyof typeof METHODS
export const isMethod = (name: string): name is Method => Object.hasOwn(METHODS, name)
