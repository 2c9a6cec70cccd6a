import type { Env } from '../env.ts'

const number = /^[0-9]{1,10}(\.[0-9]{1,6})?$/

/** Variables whose value is one of a few words, or a number. */
const SHOWN: Readonly<Record<string, RegExp>> = {
  ALLOW_FILE_KMS: /^yes-i-understand$/,
  GRACE_SECONDS: number,
  INTERNAL_PORT: number,
  LOG_LEVEL: /^(debug|info|warn|error|silent)$/,
  MAX_DIALOGUES: number,
  MAX_DIALOGUES_PER_ADDRESS: number,
  MODE: /^(development|production)$/,
  NODE_ENV: /^(development|production)$/,
  OTEL_METRIC_EXPORT_INTERVAL: number,
  OTEL_TRACES_SAMPLER_ARG: number,
  POLICY_DELAY_MS: number,
  PORT: number,
  SERVICE_IDENTITY: /^(none|google)$/,
  SIGPAIR_MODE: /^(pair|committee|member|gateway)$/,
  SIGPAIR_ROLE: /^(device|internal|both)$/,
  STORE: /^(sqlite|firestore)$/,
  THREADS: number,
  THRESHOLD: number,
  TRUSTED_PROXIES: number,
  WEBHOOK_ATTEMPTS: number,
  WEBHOOK_BACKOFF_MS: number,
  WEBHOOK_LEASE_MS: number,
  WEBHOOK_POLL_MS: number,
}

/** All others: whether they are set. An address may have a password in it, and a list of hosts is somebody's. */
const HIDDEN = [
  'APP_ATTEST',
  'CALLERS',
  'CHAINS',
  'DATA_DIRECTORY',
  'DUO_NODE_KEYS',
  'DUO_NODE_URL',
  'FIRESTORE_DATABASE',
  'FIRESTORE_EMULATOR_HOST',
  'FIRESTORE_PARTIES_DATABASE',
  'FIRESTORE_PRESIGNATURES_DATABASE',
  'FIRESTORE_PROJECT',
  'FUNCTIONS_KEYS',
  'GATEWAY_KEYS',
  'GCE_METADATA_HOST',
  'HOST',
  'HOSTS',
  'INTERNAL_HOST',
  'ISSUERS',
  'JOBS_CALLER',
  'K_SERVICE',
  'KMS_AUDIT_KEY',
  'KMS_ENDPOINT',
  'KMS_KEY',
  'LIMITS',
  'LISTEN',
  'MEMBERS',
  'NODE_IDENTITY_FILE',
  'ORBY_URL',
  'ORIGINS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'PASSKEY_DOMAIN',
  'PEERS',
  'POLICY_FILE',
  'SECRETS_KEY_FILE',
  'SIGNING_KEY_FILE',
  'SIGPAIR_INTERNAL_URL',
  'SIGPAIR_URL',
  'STORE_PATH',
  'STORE_VOLUME',
  'SWAP_ROUTERS',
  'WEBHOOK_SECRET',
  'WEBHOOK_SECRETS',
  'WEBHOOK_URL',
]

/** Every variable a diagnosis speaks of; a test compares this with what the services read. */
export const DESCRIBED: readonly string[] = [...Object.keys(SHOWN), ...HIDDEN].toSorted()

/** Each variable that is set: its value where that can hold nothing but a word of ours or a number, else `[set]`. */
export function describeEnv(env: Env = process.env): Readonly<Record<string, string>> {
  const rows = DESCRIBED.flatMap((name) => {
    const value = env[name]
    if (value === undefined || value === '') return []
    return [[name, SHOWN[name]?.test(value) === true ? value : '[set]'] as const]
  })
  return Object.fromEntries(rows)
}
