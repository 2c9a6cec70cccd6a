import { callHttp, NoAnswer, noIdentity, type ServiceIdentity } from '@tandem/service'
import type { KeyEvent } from '@tandem/wire'
import { Webhook } from 'standardwebhooks'

/** One attempt. @returns undefined when it was taken; else what came instead, in our words */
export type SendWebhook = (event: KeyEvent) => Promise<string | undefined>

/** The backend answers before it works; whoever needs longer is in trouble. */
export const SEND_MS = 5_000

/** Signed anew at each attempt, under the same id. Source: standardwebhooks.com; docs/spec/events.md 4.1. */
export function webhookSender({
  url,
  secret,
  identity = noIdentity,
}: {
  readonly url: string
  readonly secret: string
  /** who we are to the platform */
  readonly identity?: ServiceIdentity | undefined
}): SendWebhook {
  const signer = new Webhook(secret)
  return async (event) => {
    const text = JSON.stringify(event)
    const now = new Date()
    const signed = {
      'content-type': 'application/json',
      'webhook-id': event.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': signer.sign(event.id, now, text),
    }
    try {
      const headers = { ...(await identity(url)), ...signed }
      const body = Uint8Array.from(new TextEncoder().encode(text))
      const { status } = await callHttp({ url, method: 'POST', headers, body, timeoutMs: SEND_MS })
      return status >= 200 && status < 300 ? undefined : `status ${status}`
    } catch (error) {
      if (error instanceof NoAnswer) return 'no answer'
      throw error
    }
  }
}
