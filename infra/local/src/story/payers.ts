import { setTimeout as sleep } from 'node:timers/promises'
import { TandemError, type TandemClient, type Wallet } from '@tandem/client'
import { toHex } from '@tandem/wire'

/** A device that pays and pays. */
export type Payer = { readonly device: TandemClient; readonly wallet: Wallet }

/** One payment, to an address that nothing else is paid to. */
export type Payment = {
  readonly to: string
  readonly value: bigint
  readonly ms: number
  /** what the SDK gave up with, before it was asked again, by code */
  readonly failures: readonly string[]
}

export type PayOptions = {
  readonly chainId: number
  /** pays until then */
  readonly signal: AbortSignal
  /** a 20-byte address that nobody has heard of */
  readonly address: () => Uint8Array
}

/** Attempts of one payment, each with the retries that the SDK makes by itself. */
const ATTEMPTS = 12
const PAUSE_MS = 500

const VALUE = 1_000n

/** Pays in turn with a presignature and in a dialogue. @throws what no documented retry cures */
export async function payOnAndOn({ device, wallet }: Payer, options: PayOptions): Promise<Payment[]> {
  const { chainId, signal, address } = options
  const made: Payment[] = []
  while (!signal.aborted) {
    const to = toHex(address())
    const how = made.length % 2 === 0 ? ('presignature' as const) : ('interactive' as const)
    const begun = performance.now()
    const failures = await payOnce(device, wallet, { to, value: VALUE, chainId, how })
    made.push({ to, value: VALUE, ms: performance.now() - begun, failures })
  }
  return made
}

type Request = Parameters<TandemClient['sendTransaction']>[1]

/** As an app does it: what failed for now is settled first, and asked for again only if nothing of it was sent. */
async function payOnce(device: TandemClient, wallet: Wallet, request: Request): Promise<readonly string[]> {
  const failures: string[] = []
  for (;;) {
    try {
      await device.sendTransaction(wallet, request)
      return failures
    } catch (error) {
      failures.push(codeOf(error, failures.length))
    }
    const settled = await settle(device)
    if (settled.some(({ status }) => status === 'submitted' || status === 'mined')) return failures
    await sleep(PAUSE_MS)
  }
}

async function settle(device: TandemClient) {
  for (let tries = 1; ; tries++) {
    try {
      return await device.settlePayments()
    } catch (error) {
      codeOf(error, tries)
    }
    await sleep(PAUSE_MS)
  }
}

/** @throws `error`, unless repeating may help and there were not too many of them */
function codeOf(error: unknown, before: number): string {
  if (error instanceof TandemError && error.retryable && before < ATTEMPTS) return error.code
  throw error
}
