import { isLoopback } from '@tandem/service'

/** The seed without `--seed`. */
export const DEFAULT_SEED = 'tandem'

/** Ids of chains that exist on developers' machines only: anvil's and Hardhat's, and Ganache's. */
const DEVELOPMENT_CHAINS: readonly number[] = [31_337, 1_337]

/** Where production is configured: whoever has one of these set may not mean to make keys that everybody can compute. */
const PRODUCTION: readonly string[] = [
  'K_SERVICE',
  'GOOGLE_CLOUD_PROJECT',
  'GCLOUD_PROJECT',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'FIRESTORE_PROJECT',
  'KMS_KEY',
  'KMS_AUDIT_KEY',
  'KMS_ENDPOINT',
]

/**
 * Holds a run with a seed to this machine and to nobody's money.
 *
 * @throws {Error} naming what stands against it, and what to do
 *
 * Source: docs/decisions/0012-deterministic-runs.md.
 */
export function requireHarmless(
  options: { readonly directory: string; readonly bundles: string | undefined },
  env: NodeJS.ProcessEnv,
): void {
  const refuse = (why: string): never => {
    throw new Error(`--deterministic makes keys that anybody can compute: ${why}`)
  }
  const set = PRODUCTION.filter((name) => env[name])
  if (set.length > 0) refuse(`it does not run where ${set.join(', ')} is set; unset it, or leave out the flag`)
  if (env['MODE'] === 'production') refuse('it does not run with MODE=production')
  const { CHAIN_URL: chain, FIRESTORE_EMULATOR_HOST: emulator } = env
  if (chain && !(URL.canParse(chain) && isLoopback(chain))) refuse('CHAIN_URL must be a node on this machine')
  if (emulator) refuse('FIRESTORE_EMULATOR_HOST may hold documents of an earlier run; unset it, and one is started')
  if (options.directory !== '') refuse('every run begins with nothing; leave out --directory')
  if (options.bundles !== undefined) refuse('it runs the source in one process; leave out --bundles')
}

/** A tunnel ends on loopback too. @throws {Error} unless such a chain is worth nothing */
export function requireDevelopmentChain({ chainId }: { readonly chainId: number }): void {
  if (DEVELOPMENT_CHAINS.includes(chainId)) return
  throw new Error(
    `--deterministic is for development chains (${DEVELOPMENT_CHAINS.join(', ')}), and this is ${chainId}`,
  )
}
