import type { Log } from '../log.ts'
import type { TelemetryConfig } from './config.ts'

/** Whoever starts telemetry ends it: what was not sent yet is sent, for a while. */
export type Telemetry = { readonly close: () => Promise<void> }

/**
 * Starts telemetry for this process, before the service is put together. Without an endpoint nothing happens, and nothing of
 * OpenTelemetry's is loaded: a cold start pays for what it uses. Source: docs/decisions/0021-telemetry-says-only-what-is-listed.md.
 *
 * @param service `service.name`: sigpair, duo-node, functions
 */
export async function startTelemetry(
  service: string,
  { endpoint, ...config }: TelemetryConfig,
  log: Log,
): Promise<Telemetry> {
  if (endpoint === undefined) return { close: async () => undefined }
  const { openTelemetry } = await import('./otel.ts')
  return openTelemetry({ service, endpoint, ...config }, log)
}
