import { toWireError } from '@tandem/service'
import { writeAudit } from './audit.ts'
import type { AuditMethod } from './audit-records.ts'
import { keyAt, type Stores } from '../stores.ts'

/** An attempt: what, on which key, by whom. */
export type Attempt = { readonly method: AuditMethod; readonly keyId: string; readonly owner: string }

/**
 * Leaves a line of every refusal in the chain of the key it was about, before the caller hears of it. Strangers leave none: a
 * chain belongs to its owner, and nobody else may make it grow; they are in the service's log.
 *
 * @throws whatever `act` throws
 *
 * Source: docs/spec/audit.md 1.4.
 */
export async function auditDenied<R>(stores: Stores, attempt: Attempt, act: () => Promise<R>): Promise<R> {
  try {
    return await act()
  } catch (error) {
    await recordDenied(stores, attempt, error)
    throw error
  }
}

export async function recordDenied(stores: Stores, { method, keyId, owner }: Attempt, error: unknown): Promise<void> {
  const { code, details } = toWireError(error)
  const key = await stores.parties.get(keyAt(keyId))
  if (key?.data.owner !== owner) return
  const message = details?.slice(0, 256)
  await writeAudit(stores, keyId, { method, owner, code, ...(message === undefined ? {} : { message }) })
}
