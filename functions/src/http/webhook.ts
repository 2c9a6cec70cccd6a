import type { IncomingHttpHeaders } from 'node:http'
import { parseJson, type Route } from '@tandem/service'
import { type KeyEvent, keyEvent, WireError } from '@tandem/wire'
import type { Described } from '../operation.ts'
import type { KeyStates } from '../ports/key-states.ts'

export type WebhookDeps = {
  /** one of them must have signed; two during a rotation, none refuses everything */
  readonly secrets: readonly string[]
  readonly apply: KeyStates['apply']
}

/** For the document. */
export const webhookDescribed: Described = {
  method: 'POST',
  path: '/webhooks/duo-node',
  tag: 'Webhooks',
  summary: 'An event of a key, signed as Standard Webhooks has it. At least once, in order per key.',
  body: keyEvent,
  status: 204,
  buckets: [],
  repeats: false,
  security: 'webhook',
}

/** An event has less than one. */
const MAX_BYTES = 8_192

/**
 * POST /webhooks/duo-node: events as Standard Webhooks. The signature is over the bytes, so it comes before any parsing.
 * Spec: docs/spec/events.md, section 6.
 */
export function webhookRoute(deps: () => Promise<WebhookDeps>): Route {
  return {
    method: 'POST',
    path: '/webhooks/duo-node',
    maxBytes: MAX_BYTES,
    run: async ({ headers, rawBody, log }) => {
      const { secrets, apply } = await deps()
      await verify(secrets, headers, rawBody)
      const event = eventOf(rawBody)
      if (event.id !== headers['webhook-id']) throw new WireError('VALIDATION_FAILED', 'id: not the webhook-id')
      const outcome = await apply(event)
      const { type, id, data } = event
      log.info({ event: 'webhook', type, id, keyId: data.keyId, outcome })
      return { status: 204 }
    },
  }
}

/** @throws {WireError} `UNAUTHENTICATED` unless signed with one of the secrets in the last five minutes */
async function verify(secrets: readonly string[], headers: IncomingHttpHeaders, rawBody: Uint8Array): Promise<void> {
  const { Webhook } = await import('standardwebhooks')
  const text = Buffer.from(rawBody).toString('utf8')
  const given = {
    'webhook-id': headerOf(headers, 'webhook-id'),
    'webhook-timestamp': headerOf(headers, 'webhook-timestamp'),
    'webhook-signature': headerOf(headers, 'webhook-signature'),
  }
  const signed = secrets.some((secret) => {
    try {
      new Webhook(secret).verify(text, given, { jsonParse: false })
      return true
    } catch {
      return false
    }
  })
  if (!signed) throw new WireError('UNAUTHENTICATED')
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

/** @throws {WireError} `VALIDATION_FAILED` */
function eventOf(rawBody: Uint8Array): KeyEvent {
  const { success, data } = keyEvent.safeParse(parseJson(rawBody))
  if (!success) throw new WireError('VALIDATION_FAILED', 'not an event we know')
  return data
}
