import { z } from 'zod'
import { type Env, envUrl, readConfig } from '../env.ts'
import { modeVariables, refusePlain, requireMode } from '../mode.ts'

/** Where spans and metrics go, and how many. */
export type TelemetryConfig = {
  /** the collector's OTLP/HTTP, without a trailing slash; undefined: nothing is recorded */
  readonly endpoint: string | undefined
  /** 0…1 of the traces; which ones follows from their ids, so that every service keeps the same */
  readonly ratio: number
  readonly metricsEveryMs: number
}

const variables = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: envUrl('http', 'https').optional().meta({
    description: 'a collector’s OTLP over HTTP; without it nothing is recorded',
    example: 'http://127.0.0.1:4318',
  }),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$/, 'a number from 0 to 1')
    .transform(Number)
    .default(1)
    .meta({ description: 'which part of the traces is kept', example: '0.05' }),
  OTEL_METRIC_EXPORT_INTERVAL: z
    .string()
    .regex(/^[1-9][0-9]{1,6}$/, 'milliseconds')
    .transform(Number)
    .default(60_000)
    .meta({ description: 'how often metrics are sent, ms', example: '60000' }),
  ...modeVariables,
})

/** @throws {ConfigError} naming every variable that is wrong; in production for a collector without TLS elsewhere */
export function readTelemetryConfig(env: Env = process.env): TelemetryConfig {
  const given = readConfig(variables, env)
  const endpoint = given.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '')
  requireMode(given, [refusePlain('OTEL_EXPORTER_OTLP_ENDPOINT', endpoint)])
  return { endpoint, ratio: given.OTEL_TRACES_SAMPLER_ARG, metricsEveryMs: given.OTEL_METRIC_EXPORT_INTERVAL }
}
