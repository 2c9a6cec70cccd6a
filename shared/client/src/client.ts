import { type Backend, noble, type Presignature } from '@tandem/ecdsa'
import type {
  AttestedDeviceResponse,
  AuditLine,
  BatchResponse,
  EnrolResponse,
  Policy,
  PolicyResponse,
  TransactionResponse,
  TwoFactorCode,
} from '@tandem/wire'
import { type AppAttestProvider, attestDevice } from './attest-device.ts'
import { createApi } from './api.ts'
import { createKeyOperations, type KeyOperations } from './client-keys.ts'
import { sendBatch, type SentBatch } from './wallet/batch.ts'
import type { BatchRequest } from './wallet/batch-check.ts'
import { createWallet, resumeWallets, type Wallet, walletOf } from './wallet/create-wallet.ts'
import { createAuditHeads } from './audit-heads.ts'
import { createDevice, type Device } from './device.ts'
import { readAuditLog } from './wallet/audit-log.ts'
import { type PaymentRequest, type Sent, sendTransaction } from './wallet/pay.ts'
import { createPayments, settlePayments } from './wallet/payments.ts'
import { setPolicy } from './wallet/policy.ts'
import { childAddress } from './wallet/child-address.ts'
import { enrolSecondFactor } from './wallet/second-factor.ts'
import { settleBatches } from './wallet/settle-batch.ts'
import { signMessage, signTypedData, type TypedDataRequest } from './wallet/sign-message.ts'
import type { Pin, TRUST_ON_FIRST_USE } from './pin.ts'
import { defaultPlatform, type Platform } from './platform.ts'
import { fillPresignatures } from './wallet/presignatures.ts'
import { settleStage, settleStages } from './wallet/reconcile.ts'
import type { OnProgress } from './dialogue/run-host.ts'
import { createStock } from './wallet/stock.ts'
import type { Vault } from './vault/vault.ts'
import { loadWallets, type WalletRecord } from './vault/wallet-record.ts'

export type TandemOptions = {
  /** where the backend listens, without a trailing slash */
  readonly baseUrl: string
  /** the user's OIDC token, asked for at every request */
  readonly token: () => Promise<string>
  readonly vault: Vault
  /** Sigpair's keys, built into the app; trust on first use is for loopback only */
  readonly pin: Pin | typeof TRUST_ON_FIRST_USE
  readonly platform?: Platform
  /** curve arithmetic; noble unless the host has something faster */
  readonly backend?: Backend
  readonly onProgress?: OnProgress
  /** presignatures to keep in stock, 0 to make none in the background; default 8 */
  readonly stock?: number
}

/** The device's half of the wallets of one user. */
export type TandemClient = KeyOperations & {
  /** @param name what the user calls it, 1..100 characters */
  createWallet(name: string): Promise<Wallet>
  /** finishes wallets whose creation was interrupted, and settles new epochs of others; best called at the start of the app */
  resume(): Promise<Wallet[]>
  wallets(): Promise<Wallet[]>
  sendTransaction(wallet: Wallet, request: PaymentRequest): Promise<Sent>
  /** up to fifty transactions, signed as a whole and sent in order */
  sendBatch(wallet: Wallet, request: BatchRequest): Promise<SentBatch>
  /** ends the batches the app died in: what was sent in part is sent, what was not is given up; best called at its start */
  settleBatches(): Promise<BatchResponse[]>
  /** where each operation of a batch is */
  batch(batchId: string): Promise<BatchResponse>
  /** ends the payments the app died in: what was signed is sent, what was not is given up; best called at its start */
  settlePayments(): Promise<TransactionResponse[]>
  /** EIP-55; the address below a BIP-32 path, from the key on this device */
  addressOf(wallet: Wallet, path: readonly number[]): Promise<string>
  /** EIP-191; 0x-hex of r ‖ s ‖ v; `code` when the policy asks for the second factor */
  signMessage(wallet: Wallet, message: string, code?: TwoFactorCode): Promise<string>
  /** EIP-712; 0x-hex of r ‖ s ‖ v; `code` when the policy asks for the second factor */
  signTypedData(wallet: Wallet, request: TypedDataRequest, code?: TwoFactorCode): Promise<string>
  /** on iOS: has the app speak for this device's key, where the backend demands it before keygen and restore */
  attestDevice(provider: AppAttestProvider): Promise<AttestedDeviceResponse>
  /** begins the enrolment of an authenticator app; `twoFactorCode` of the second factor there is */
  enrolSecondFactor(twoFactorCode?: TwoFactorCode): Promise<EnrolResponse>
  /** puts it in force with a code of the app; returns recovery codes, once */
  confirmSecondFactor(code: string): Promise<string[]>
  /** what Sigpair signs for this wallet, and what it will */
  policy(wallet: Wallet): Promise<PolicyResponse>
  /** changes it: what tightens acts at once, anything else after a delay */
  setPolicy(wallet: Wallet, policy: Policy | null, code?: TwoFactorCode): Promise<PolicyResponse>
  /** every line of the wallet's audit log, verified to the end this device knows */
  auditLog(wallet: Wallet): Promise<AuditLine[]>
  /** makes presignatures until `target` are in stock; returns how many are */
  fillPresignatures(wallet: Wallet, target: number): Promise<number>
  presignaturesInStock(wallet: Wallet): number
  /** resolves when background work has ended; what is left of it is not started */
  close(): Promise<void>
}

const DEFAULT_STOCK = 8

/** @throws {TypeError} on a host without fetch, WebSocket or randomness, unless a platform is given */
export function createTandemClient(options: TandemOptions): TandemClient {
  const { baseUrl, token, vault, pin, stock: wanted = DEFAULT_STOCK } = options
  const platform = options.platform ?? defaultPlatform()
  const backend = options.backend ?? noble
  const onProgress = options.onProgress ?? (() => undefined)
  const heads = createAuditHeads(vault, async () => device.sigpairKeys())
  const device: Device = createDevice({
    platform,
    backend,
    vault,
    pin,
    baseUrl,
    onProgress,
    api: createApi(platform, baseUrl, token, heads),
  })
  const stock = createStock<Presignature>(platform.now)
  const payments = createPayments(vault)
  const batches = createPayments(vault, 'batch/')
  const background = createBackground()

  /** Half empty is early enough: a refill takes less time than a person needs for the next payment. */
  const refill = (wallet: Wallet) => {
    if (stock.size(wallet.keyId) * 2 >= wanted) return
    background.start(wallet.keyId, async () => fillPresignatures(device, stock, wallet.keyId, wanted))
  }
  const signing = async <T>(wallet: Wallet, act: () => Promise<T>): Promise<T> => {
    await settleStage(device, stock, wallet.keyId)
    return act().finally(() => {
      refill(wallet)
    })
  }
  return {
    ...createKeyOperations(device, stock),
    createWallet: async (name) => {
      const wallet = await createWallet(device, name)
      refill(wallet)
      return wallet
    },
    resume: async () => {
      await settleStages(device, stock)
      return resumeWallets(device)
    },
    wallets: async () => (await loadWallets(vault)).filter(isOurs).map(walletOf),
    sendTransaction: async (wallet, request) =>
      signing(wallet, async () => sendTransaction({ device, stock, payments }, wallet, request)),
    sendBatch: async (wallet, request) =>
      signing(wallet, async () => sendBatch({ device, stock, batches }, wallet, request)),
    batch: async (batchId) => device.api.batch(batchId),
    settleBatches: async () => settleBatches(device.api, batches),
    settlePayments: async () => settlePayments(device.api, payments),
    addressOf: async (wallet, path) => childAddress(device, wallet, path),
    signMessage: async (wallet, message, code) =>
      signing(wallet, async () => signMessage(device, stock, wallet, message, code)),
    signTypedData: async (wallet, request, code) =>
      signing(wallet, async () => signTypedData(device, stock, wallet, request, code)),
    attestDevice: async (provider) => attestDevice(device, provider),
    enrolSecondFactor: async (code) => enrolSecondFactor(device, code),
    confirmSecondFactor: async (code) => (await device.api.confirmTotp({ code })).recoveryCodes,
    policy: async (wallet) => device.api.policy(wallet.profileId),
    setPolicy: async (wallet, policy, code) => setPolicy(device, stock, wallet, policy, code),
    auditLog: async (wallet) => readAuditLog(device, heads, wallet),
    fillPresignatures: async (wallet, target) => fillPresignatures(device, stock, wallet.keyId, target),
    presignaturesInStock: (wallet) => stock.size(wallet.keyId),
    close: background.close,
  }
}

/** In force, and not still another device's. */
function isOurs({ current, restoring }: WalletRecord): boolean {
  return current !== null && restoring?.reason !== 'device-lost'
}

/** One job per name at a time. A job that fails is dropped: the next payment starts another, or signs interactively. */
function createBackground() {
  const running = new Map<string, Promise<unknown>>()
  let closed = false
  return {
    start: (name: string, job: () => Promise<unknown>) => {
      if (closed || running.has(name)) return
      const work = job()
        .catch(() => undefined)
        .finally(() => running.delete(name))
      running.set(name, work)
    },
    close: async () => {
      closed = true
      await Promise.all(running.values())
    },
  }
}
