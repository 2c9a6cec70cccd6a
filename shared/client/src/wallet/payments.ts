import type { TransactionResponse } from '@tandem/wire'
import type { Api } from '../api.ts'
import { TandemError } from '../errors.ts'
import type { Vault } from '../vault/vault.ts'

/** Which payments, or batches, were begun and not heard the end of; kept in the vault, so that it outlives the app. */
export type Payments = {
  /** durable before anything of this device leaves it */
  begin(sessionId: string): Promise<void>
  end(sessionId: string): Promise<void>
  /** nobody works on it any more, and it has not ended */
  leave(sessionId: string): void
  /** of an earlier life of the app; those under way now are not among them */
  unfinished(): Promise<string[]>
}

/** @param prefix of their names in the vault */
export function createPayments(vault: Vault, prefix: 'payment/' | 'batch/' = 'payment/'): Payments {
  const running = new Set<string>()
  return {
    begin: async (sessionId) => {
      running.add(sessionId)
      await vault.put(prefix + sessionId, new Uint8Array())
    },
    end: async (sessionId) => {
      await vault.delete(prefix + sessionId)
      running.delete(sessionId)
    },
    leave: (sessionId) => {
      running.delete(sessionId)
    },
    unfinished: async () => {
      const names = await vault.list(prefix)
      return names.map((name) => name.slice(prefix.length)).filter((sessionId) => !running.has(sessionId))
    },
  }
}

/**
 * Ends the payments the app died in: what was signed is sent, what was not is given up and frees its nonce. Nothing is signed
 * here: whoever asked for a payment may have decided otherwise since.
 *
 * Source: docs/spec/flows.md 5.7.
 */
export async function settlePayments(api: Api, payments: Payments): Promise<TransactionResponse[]> {
  const settled: TransactionResponse[] = []
  for (const sessionId of await payments.unfinished()) {
    const transaction = await settle(api, sessionId)
    await payments.end(sessionId)
    if (transaction !== undefined) settled.push(transaction)
  }
  return settled
}

async function settle(api: Api, sessionId: string): Promise<TransactionResponse | undefined> {
  try {
    return await api.cancelTransaction(sessionId)
  } catch (error) {
    if (isCode(error, 'NOT_FOUND')) return undefined // forgotten a day after its end, unsigned
    if (!isCode(error, 'SESSION_CONSUMED')) throw error
  }
  try {
    await api.sign({ sessionId })
  } catch (error) {
    if (!isCode(error, 'TRANSACTION_REJECTED')) throw error
  }
  return api.transaction(sessionId)
}

/** Of a payment the device refuses to sign: nothing of it has left, so whatever is answered to this, it was not made. */
export async function giveUp(api: Api, payments: Payments, sessionId: string, refusal: unknown): Promise<never> {
  await api.cancelTransaction(sessionId).catch(() => undefined)
  await payments.end(sessionId)
  throw refusal
}

/**
 * After a failure: a payment that was not signed is given up, and its nonce does not wait ten minutes; one that was signed all
 * the same is sent, because asking for it again would pay twice.
 *
 * @returns the hash of a transaction that was sent
 * @throws `failure` if none was; without an answer to this either, the payment stays unfinished
 */
export async function afterFailure(api: Api, payments: Payments, sessionId: string, failure: unknown): Promise<string> {
  if (isCode(failure, 'AUDIT_ROLLED_BACK')) {
    // Answered, and sent; what came with the answer is what must be heard.
    await payments.end(sessionId)
    throw failure
  }
  const transaction = await settle(api, sessionId).catch(() => 'unknown' as const)
  if (transaction === 'unknown') {
    payments.leave(sessionId)
    throw failure
  }
  await payments.end(sessionId)
  const sent = transaction?.status === 'submitted' || transaction?.status === 'mined'
  if (!sent || transaction.txHash === undefined) throw failure
  return transaction.txHash
}

function isCode(error: unknown, code: TandemError['code']): boolean {
  return error instanceof TandemError && error.code === code
}
