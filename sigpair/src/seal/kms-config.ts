import { ConfigError, envUrl, isLoopback, type Refusal, refuseLocal } from '@tandem/service'
import { z } from 'zod'
import type { KmsOptions } from './kms.ts'

/** Which key wraps the data keys, and where. */
export const kmsVariables = {
  KMS_KEY: z
    .string()
    .regex(/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/, 'the full name of a crypto key')
    .meta({ example: 'projects/local/locations/local/keyRings/tandem/cryptoKeys/shares' }),
  KMS_ENDPOINT: envUrl('http', 'https').optional().meta({
    description: "Google's own when unset; http only for a KMS on loopback",
    example: 'http://127.0.0.1:9010',
  }),
  ALLOW_FILE_KMS: z.literal('yes-i-understand').optional().meta({
    description: 'off Google Cloud: take a KMS on loopback, whose keys are a sealed file; docs/deploy/self-hosting.md',
    example: 'yes-i-understand',
  }),
}

type KmsChoice = {
  readonly KMS_ENDPOINT?: string | undefined
  readonly ALLOW_FILE_KMS?: 'yes-i-understand' | undefined
  readonly K_SERVICE?: string | undefined
}

/** Keys in a file are stolen with the machine; whoever has no other KMS must say that this is understood. */
export function refuseLocalKms({ KMS_ENDPOINT, ALLOW_FILE_KMS, K_SERVICE }: KmsChoice): Refusal {
  if (ALLOW_FILE_KMS === undefined) return refuseLocal('KMS_ENDPOINT', KMS_ENDPOINT)
  return K_SERVICE === undefined ? undefined : 'ALLOW_FILE_KMS: not on Cloud Run, where Cloud KMS is; unset it'
}

/**
 * Plain TCP carries data keys in the clear: only to this very machine.
 *
 * @throws {ConfigError} for plain TCP to another
 */
export function kmsOptions(keyName: string, endpoint: string | undefined): KmsOptions {
  if (endpoint === undefined) return { keyName }
  const { protocol, hostname, port } = new URL(endpoint)
  const insecure = protocol === 'http:'
  if (insecure && !isLoopback(endpoint)) {
    throw new ConfigError('KMS_ENDPOINT: http is for loopback only')
  }
  return { keyName, endpoint: hostname, port: Number(port || (insecure ? 80 : 443)), insecure }
}
