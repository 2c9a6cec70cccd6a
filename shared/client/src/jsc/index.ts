import { noble } from '@tandem/ecdsa'
import { createTandemClient } from '../client.ts'
import type { Pin, TRUST_ON_FIRST_USE } from '../pin.ts'
import { createBridge, type Deliver, type Host } from './bridge.ts'
import { answerCalls } from './calls.ts'
import { backendWith } from '../host-backend.ts'
import { hostPlatform } from './platform.ts'
import { hostVault } from './vault.ts'

export type { Deliver, Host } from './bridge.ts'
export { TO_DEVICE, TO_HOST } from './messages.ts'
export { METHODS } from './methods.ts'

/** What the host says once: plain data, so that it can come as JSON. */
export type Settings = {
  /** where the backend listens, without a trailing slash */
  readonly baseUrl: string
  readonly pin: Pin | typeof TRUST_ON_FIRST_USE
  /** presignatures to keep in stock; default 8 */
  readonly stock?: number
}

/**
 * The SDK where nothing but JavaScript is there, as in JavaScriptCore on iOS: no timers, no network, no randomness, no WebAssembly.
 * Everything comes from the host, by messages.
 *
 * @param settings JSON of {@link Settings}
 * @returns where the host delivers its messages
 */
export function start(host: Host, settings: string): Deliver {
  const { baseUrl, pin, stock } = JSON.parse(settings) as Settings
  const bridge = createBridge(host)
  const platform = hostPlatform(host, bridge)
  const backend = host.multiply === undefined ? noble : backendWith(host.multiply)
  const client = createTandemClient({
    baseUrl,
    pin,
    platform,
    backend,
    vault: hostVault(bridge),
    token: async () => String(await bridge.ask('token', {})),
    onProgress: ({ step, round }) => bridge.post('progress', { step, round: round ?? null }),
    ...(stock === undefined ? {} : { stock }),
  })
  answerCalls({ client, bridge, platform, backend })
  return bridge.deliver
}
