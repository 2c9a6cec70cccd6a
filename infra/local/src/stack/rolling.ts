import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chain } from '../chain.ts'
import { type Payer, payOnAndOn, type Payment } from '../story/payers.ts'
import type { Service } from '../processes/service-process.ts'

/** One instance that ended by SIGTERM and came back. */
export type Restart = {
  readonly name: string
  /** from the signal to the end of the process */
  readonly drainMs: number
  /** from the new process to its first readiness */
  readonly readyMs: number
}

export type Rolled = { readonly payments: readonly Payment[]; readonly restarts: readonly Restart[] }

/** Traffic between two restarts, so that each meets some. */
const BETWEEN_MS = 1_000

/**
 * Restarts the instances one after the other, by SIGTERM and with what they may finish, while every payer pays without pause.
 *
 * @throws what no documented retry cures, or a process that did not end by itself
 */
export async function restartUnderLoad(options: {
  readonly instances: readonly Service[]
  readonly payers: readonly Payer[]
  readonly chainId: number
  readonly restarted?: (restart: Restart) => void
}): Promise<Rolled> {
  const { instances, payers, chainId, restarted = () => undefined } = options
  const stopping = new AbortController()
  const address = () => new Uint8Array(randomBytes(20))
  const paying = Promise.all(
    payers.map(async (payer) => payOnAndOn(payer, { chainId, signal: stopping.signal, address })),
  )
  // heard below: nobody must call it unhandled meanwhile
  paying.catch(() => stopping.abort())
  const restarts: Restart[] = []
  try {
    for (const instance of instances) {
      await sleep(BETWEEN_MS)
      if (stopping.signal.aborted) break
      const restart = await restartOne(instance)
      restarts.push(restart)
      restarted(restart)
    }
    await sleep(BETWEEN_MS)
  } finally {
    stopping.abort()
  }
  return { payments: (await paying).flat(), restarts }
}

async function restartOne(instance: Service): Promise<Restart> {
  const begun = performance.now()
  await instance.stop()
  if (instance.ended() !== 'code 0') throw new Error(`${instance.name} did not end by itself: ${instance.ended()}`)
  const ended = performance.now()
  await instance.start()
  return { name: instance.name, drainMs: ended - begun, readyMs: performance.now() - ended }
}

/** A transaction that was submitted is mined in a block or two. */
const MINED_MS = 10_000

async function arrivedAt(address: string, { balance }: Pick<Chain, 'balance'>): Promise<bigint> {
  for (const deadline = performance.now() + MINED_MS; performance.now() < deadline; await sleep(100)) {
    const arrived = await balance(address)
    if (arrived > 0n) return arrived
  }
  return 0n
}

/** What is wrong with them on the chain: each must have arrived once, and nothing else may have been sent. */
export async function faultsOf(
  payments: readonly Payment[],
  payers: readonly Payer[],
  chain: Pick<Chain, 'balance' | 'sent'>,
): Promise<readonly string[]> {
  const faults: string[] = []
  for (const { to, value } of payments) {
    const arrived = await arrivedAt(to, chain)
    if (arrived !== value) faults.push(`${to} was to get ${value} and has ${arrived}`)
  }
  let sent = 0
  for (const { wallet } of payers) sent += await chain.sent(wallet.address)
  if (sent !== payments.length) faults.push(`${payments.length} payments, ${sent} transactions`)
  return faults
}
