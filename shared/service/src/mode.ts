import { z } from 'zod'
import { ConfigError } from './env.ts'

/** Variables that every service has. Production is what a forgotten variable means. */
export const modeVariables = {
  MODE: z.enum(['development', 'production']).default('production').meta({
    description: 'development lifts what protects real users',
    example: 'development',
  }),
  K_SERVICE: z.string().optional().meta({ description: 'set by Cloud Run' }),
}

/** Why production does not take a configuration: the variable, what is wrong and what to do, never its value. */
export type Refusal = string | undefined

/**
 * Holds a configuration to its mode.
 *
 * @param refusals what production may not have
 * @throws {ConfigError} naming every refused variable; for development on Cloud Run, where real users are
 *
 * Source: docs/decisions/0010-production-unless-told.md.
 */
export function requireMode(
  { MODE, K_SERVICE }: { readonly MODE: 'development' | 'production'; readonly K_SERVICE?: string | undefined },
  refusals: readonly Refusal[],
): void {
  if (MODE === 'development') {
    if (K_SERVICE === undefined) return
    throw new ConfigError('MODE: development does not run on Cloud Run (K_SERVICE is set); leave MODE out')
  }
  const lines = refusals.filter((line) => line !== undefined).map((line) => `  ${line}`)
  if (lines.length === 0) return
  const way = 'On a machine of yours, with nobody’s money, set MODE=development.'
  throw new ConfigError(`production refuses this:\n${lines.join('\n')}\n${way}`)
}

/** For URLs between our services: without TLS they stay on this machine. */
export function refusePlain(variable: string, url: string | undefined): Refusal {
  if (url === undefined || isEncrypted(url) || isLoopback(url)) return undefined
  return `${variable}: without TLS to another machine; use ${securely(url)}`
}

/** For URLs that strangers are told or trust: encrypted, and not on this machine. */
export function refuseLocal(variable: string, url: string | undefined): Refusal {
  if (url === undefined) return undefined
  if (!isEncrypted(url)) return `${variable}: without TLS; use ${securely(url)}`
  return isLoopback(url) ? `${variable}: on this machine only; use the address of the real one` : undefined
}

/** @param url absolute */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\./.test(hostname)
}

const isEncrypted = (url: string) => ['https:', 'wss:'].includes(new URL(url).protocol)

const securely = (url: string) => (new URL(url).protocol.startsWith('ws') ? 'wss://' : 'https://')
