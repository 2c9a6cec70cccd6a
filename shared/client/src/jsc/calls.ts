import type { Backend } from '@tandem/ecdsa'
import { createRecoveryKit } from '../backup/recovery-kit.ts'
import type { TandemClient } from '../client.ts'
import { TandemError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import type { BatchRequest } from '../wallet/batch-check.ts'
import type { Wallet } from '../wallet/create-wallet.ts'
import type { BackupPlan } from '../wallet/new-epoch.ts'
import type { PaymentRequest, Sent } from '../wallet/pay.ts'
import type { FinishOptions, Restore } from '../wallet/restore.ts'
import type { RotateOptions } from '../wallet/rotate.ts'
import type { TypedDataRequest } from '../wallet/sign-message.ts'
import type { Bridge } from './bridge.ts'
import type { HostError } from './messages.ts'
import { isMethod, METHODS, type Method } from './methods.ts'

type Given = Readonly<Record<string, unknown>>

/** What a host's calls come to. */
export type Callable = {
  readonly client: TandemClient
  readonly bridge: Bridge
  readonly platform: Platform
  readonly backend: Backend
}

/** Answers every `call` of the host with one `returned` or one `threw`. */
export function answerCalls(callable: Callable): void {
  const { bridge } = callable
  const others = { ...callingBack(callable), ...payments(callable), ...more(callable) }
  const methods = callable.client as unknown as Readonly<Record<string, (...given: unknown[]) => unknown>>
  const act = async (call: number, method: string, given: Given): Promise<unknown> => {
    if (!isMethod(method)) throw new TypeError(`the SDK has no method ${method}`)
    const other: Other | undefined = others[method]
    return other ? other(given as never, call) : methods[method]!(...METHODS[method].map((name) => given[name]))
  }
  bridge.on({
    call: ({ call, method, given }) => {
      act(call, method, given).then(
        (value) => bridge.post('returned', { call, value }),
        (error: unknown) => bridge.post('threw', { call, error: hostError(error) }),
      )
    },
  })
}

/** A method that is not the client's with the same arguments. */
type Other = (given: never, call: number) => unknown
type Others = { readonly [Name in Method]?: Other }

/** In place of a plan with functions: the host is asked, by the number of its call, or has waived. */
type HostPlan = { readonly backups: 'kept' | 'waived' }

type Planned<Options> = Omit<Options, 'backups'> & HostPlan

function callingBack({ client, bridge }: Callable): Others {
  const seal = (call: number) => async (content: Uint8Array) => {
    const sealed = await bridge.ask('sealShare', { call, content })
    if (sealed instanceof Uint8Array && sealed.length > 0) return sealed
    throw new TandemError('BACKUP', 'What seals the backup gave no file.')
  }
  const plan = ({ backups }: HostPlan, call: number): BackupPlan =>
    backups === 'waived'
      ? backups
      : {
          seal: seal(call),
          save: async (made) => {
            await bridge.ask('saveBackups', { call, backups: made })
          },
        }
  const proof = async (name: 'attestKey' | 'assertKey', call: number, clientDataHash: Uint8Array) => {
    const given = await bridge.ask(name, { call, clientDataHash })
    if (given instanceof Uint8Array) return given
    throw new TandemError('FORBIDDEN', 'The system gave no proof of this app.')
  }
  return {
    attestDevice: ({ keyId }: { keyId: string }, call) =>
      client.attestDevice({
        keyId,
        attest: async (hash) => proof('attestKey', call, hash),
        assert: async (hash) => proof('assertKey', call, hash),
      }),
    exportDeviceShare: ({ wallet }: { wallet: Wallet }, call) => client.exportDeviceShare(wallet, seal(call)),
    rotateKey: ({ wallet, options }: { wallet: Wallet; options: Planned<RotateOptions> }, call) =>
      client.rotateKey(wallet, { ...options, backups: plan(options, call) }),
    finishRestore: ({ restore, options }: { restore: Restore; options: Planned<FinishOptions> }, call) =>
      client.finishRestore(restore, { ...options, backups: plan(options, call) }),
    sendBatch: async ({ wallet, request }: { wallet: Wallet; request: HostBatch }, call) => {
      const { approve: asked, ...rest } = request
      const approve = async (built: unknown) => (await bridge.ask('approveBatch', { call, built })) === true
      const { batchId, operations } = await client.sendBatch(wallet, asked === true ? { ...rest, approve } : rest)
      return { batchId, operations }
    },
  }
}

type HostBatch = Omit<BatchRequest, 'approve'> & { readonly approve?: boolean }

/** Payments whose end may still be waited for; older ones the host asks about by `settlePayments`. */
const MAX_SENT = 64

function payments({ client }: Callable): Others {
  const sent = new Map<string, Sent['wait']>()
  return {
    sendTransaction: async ({ wallet, request }: { wallet: Wallet; request: PaymentRequest }) => {
      const { txHash, sessionId, wait } = await client.sendTransaction(wallet, request)
      sent.set(sessionId, wait)
      const [oldest] = sent.keys()
      if (oldest !== undefined && sent.size > MAX_SENT) sent.delete(oldest)
      return { txHash, sessionId }
    },
    waitForTransaction: async ({ sessionId, ms }: { sessionId: string; ms?: number }) => {
      const wait = sent.get(sessionId)
      if (wait === undefined) throw new TandemError('NOT_FOUND', 'This run of the app sent no such transaction.')
      return wait(ms)
    },
  }
}

function more({ client, platform, backend }: Callable): Others {
  return {
    signTypedData: async (given: { wallet: Wallet; json: string; twoFactorCode?: string }) =>
      client.signTypedData(given.wallet, typedDataIn(given.json), given.twoFactorCode),
    // it prints as [secret], which is all that would cross the bridge
    confirmExport: async ({ wallet, exportId }: { wallet: Wallet; exportId: string }) => {
      const { secret, publicKey, chainCode } = await client.confirmExport(wallet, exportId)
      return { secret, publicKey, chainCode }
    },
    createRecoveryKit: () => createRecoveryKit(platform.random, backend),
  }
}

function typedDataIn(json: string): TypedDataRequest {
  try {
    return JSON.parse(json) as TypedDataRequest
  } catch (cause) {
    throw new TandemError('VALIDATION_FAILED', 'The typed data is not JSON.', { cause })
  }
}

export function hostError(error: unknown): HostError {
  if (error instanceof TandemError) {
    const { code, message, details = null, requestId = null, retryable } = error
    return { code, message, details, requestId, retryable }
  }
  const message = error instanceof Error ? error.message : 'something that is no error was thrown'
  return { code: 'UNEXPECTED', message, details: null, requestId: null, retryable: false }
}
