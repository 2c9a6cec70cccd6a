import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadOrCreateSigningKey, type PublicJwk } from '@tandem/service'

/**
 * `keys.ts [DIRECTORY]`: every secret that compose.yaml mounts, mode 0600, and the public keys as variables. What is there
 * already stays. Default: infra/containers/secrets.
 *
 * Source: docs/deploy/self-hosting.md, section 3.
 */
const folder = resolve(process.argv[2] ?? join(import.meta.dirname, 'secrets'))
mkdirSync(folder, { recursive: true, mode: 0o700 })

const keyOf = async (name: string) => (await loadOrCreateSigningKey(join(folder, `${name}.jwk`))).publicJwk
const functionsKey = await keyOf('functions')
const duoNodeKey = await keyOf('duo-node')

once('kms-seal.key', randomBytes(32).toString('hex'))
once('functions-secrets.key', randomBytes(32).toString('hex'))
const webhook = `whsec_${randomBytes(32).toString('base64')}`
once('webhook.env', `WEBHOOK_SECRET=${webhook}\nWEBHOOK_SECRETS=${webhook}\n`)
// public, and always as the key files have it
const listOf = (key: PublicJwk) => `'${JSON.stringify([key])}'`
writeFileSync(
  join(folder, 'public.env'),
  `FUNCTIONS_KEYS=${listOf(functionsKey)}\nDUO_NODE_KEYS=${listOf(duoNodeKey)}\n`,
)
process.stdout.write(`secrets are in ${folder}; now: sudo chown 65532:65532 ${folder}/*.key ${folder}/*.jwk\n`)

function once(name: string, content: string): void {
  const file = join(folder, name)
  if (!existsSync(file)) writeFileSync(file, content, { mode: 0o600, flag: 'wx', flush: true })
}
