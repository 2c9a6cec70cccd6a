import type { Drain, Incoming, Log, Route, SigningKey } from '@tandem/service'
import type { Store } from '@tandem/store'
import type { KeyEvent } from '@tandem/wire'
import type { DuoNodeConfig } from './config.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { deliver } from './deliver.ts'
import { eventSource } from './event-source.ts'
import { pullOnce, pump } from './pump.ts'
import { webhookSender } from './webhook.ts'

/** Sigpair's events on their way to the backend. */
export type Events = {
  readonly routes: readonly Route[]
  /** @param announce tells whoever is connected, beside the webhook */
  readonly start: (announce: (event: KeyEvent) => void) => void
  /** One look more, now; nothing where none are pulled. */
  readonly look: () => Promise<void>
  /** Starts no further attempt; the drain waits for the one that runs. */
  readonly stop: () => void
}

export type EventsDeps = {
  readonly store: Store
  readonly key: SigningKey
  readonly log: Log
  readonly drain: Drain
  /** @throws {WireError} unless the backend calls, in nobody's name */
  readonly caller: (incoming: Incoming) => Promise<void>
}

/** Without an address for webhooks nothing is pulled, and Sigpair keeps its events. */
export function openEvents({ webhooks, sigpairUrl, identity }: DuoNodeConfig, deps: EventsDeps): Events {
  if (webhooks === undefined) return { routes: [], start: () => undefined, look: async () => {}, stop: () => undefined }
  const { store, key, log, drain, caller } = deps
  const { leaseMs, pollMs } = webhooks
  const source = eventSource({ url: sigpairUrl, key, identity })
  const send = webhookSender({ ...webhooks, identity })
  const stopping = new AbortController()
  const { signal } = stopping
  const sending = { store, acknowledge: source.acknowledge, send, rules: webhooks, log, now: Date.now, signal }
  let announce: (event: KeyEvent) => void = () => undefined
  const one = async (keyId: string, events: readonly KeyEvent[]) =>
    deliver({ ...sending, announce, random: Math.random }, keyId, events)
  const looking = { source, deliver: one, log, signal }
  return {
    routes: deadLetterRoutes({ store, send, leaseMs, now: Date.now, caller }),
    start: (tell) => {
      announce = tell
      void drain.track(pump({ ...looking, pollMs }))
    },
    look: () => drain.track(pullOnce(looking)),
    stop: () => stopping.abort(),
  }
}
