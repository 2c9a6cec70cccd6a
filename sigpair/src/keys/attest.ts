import { type Incoming, type Route, route } from '@tandem/service'
import { type AttestRequest, attestRequest, attestResponse, keyIdField, WireError } from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { audited } from '../audit/audit-outbox.ts'
import type { Stores } from '../stores.ts'
import { readIntent, spendIntent, verifyIntent } from './intent.ts'
import { readKey } from './key-status.ts'

type Attestation = AttestRequest & { readonly keyId: string }

/**
 * Confirms, once, that the device of a key wants a second factor to be enrolled beside it. Changes nothing here: the
 * backend, which keeps second factors, must not be able to give one to somebody who has a user's sign-in alone.
 *
 * @throws {WireError} `NOT_FOUND` for no key or a foreign one, `KEY_DELETED`, `KEY_PENDING`, `FORBIDDEN` for an intent that
 *         is bad or used
 *
 * Source: docs/spec/two-factor.md 3.4.
 */
export async function attest(stores: Stores, owner: string, { keyId, body, intent }: Attestation): Promise<void> {
  const view = await readKey(stores, keyId)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  const { key, status } = view
  if (status === 'DELETED') throw new WireError('KEY_DELETED')
  if (!key.current) throw new WireError('KEY_PENDING')
  verifyIntent(intent, { op: '2fa', keyId: key.keyId, epoch: key.current.epoch, body, device: key.device.identity })
  await audited(stores, key.keyId, async (tx, note) => {
    spendIntent(tx, await readIntent(tx, intent), stores.now())
    note({ method: 'key.attest', owner, metadata: { enrol: body.enrol } })
  })
}

export function attestRoutes(stores: Stores, caller: (incoming: Incoming) => Promise<string>): Route[] {
  return [
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/attest',
      caller,
      params: z.strictObject({ keyId: keyIdField }),
      body: attestRequest,
      response: attestResponse,
      handle: async ({ caller: owner, params: { keyId }, body }) => {
        const act = async () => attest(stores, owner, { keyId, ...body })
        await auditDenied(stores, { method: 'key.attest', keyId, owner }, act)
        return { status: 200, body: {} }
      },
    }),
  ]
}
