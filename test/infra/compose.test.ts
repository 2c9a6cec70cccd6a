import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { readDuoNodeConfig } from '../../duo-node/src/config.ts'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { readSigpairConfig } from '../../sigpair/src/config.ts'

const fileOf = (name: string) => readFileSync(new URL(`../../infra/containers/${name}`, import.meta.url), 'utf8')
const envOf = (name: string) => parseEnv(fileOf(name)) as Readonly<Record<string, string>>

/** Public keys of nobody, as keys.ts writes them. */
const key = JSON.stringify([{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid: 'A'.repeat(43) }])
const PUBLIC = { FUNCTIONS_KEYS: key, DUO_NODE_KEYS: key }
const secret = `whsec_${'A'.repeat(44)}`
const WEBHOOK = { WEBHOOK_SECRET: secret, WEBHOOK_SECRETS: secret }
const SITE = envOf('site.env.example')

const sigpair = { ...SITE, ...PUBLIC, ...envOf('env/sigpair.env') }
const duoNode = { ...SITE, ...PUBLIC, ...WEBHOOK, ...envOf('env/duo-node.env') }
const functions = { ...SITE, ...WEBHOOK, ...envOf('env/functions.env') }

test('no service of compose.yaml is in development', () => {
  for (const env of [sigpair, duoNode, functions] as Readonly<Record<string, string>>[]) {
    expect(env['MODE']).toBeUndefined()
  }
})

test('production takes what compose.yaml gives to Sigpair, and its inner side stays on loopback', () => {
  const config = readSigpairConfig(sigpair)
  expect(config).toMatchObject({ host: '0.0.0.0', internalHost: '127.0.0.1', proxies: 1 })
  expect(config.kms).toMatchObject({ endpoint: '127.0.0.1', port: 9010, insecure: true })
  expect(() => readSigpairConfig({ ...sigpair, ALLOW_FILE_KMS: undefined })).toThrow('KMS_ENDPOINT')
})

test('production takes what it gives to duo-node, which only loopback reaches', () => {
  expect(readDuoNodeConfig(duoNode)).toMatchObject({ host: '127.0.0.1', sigpairUrl: 'http://127.0.0.1:8081' })
})

test('production takes what it gives to functions', () => {
  const config = readFunctionsConfig(functions)
  expect(config).toMatchObject({ sigpairUrl: 'wss://sigpair.wallet.example', duoNodeUrl: 'ws://127.0.0.1:3001' })
  expect([...config.chains.keys()]).toEqual([1])
})

test('only the proxy is published, and every image is asked for by digest', () => {
  const compose = fileOf('compose.yaml')
  expect(compose.match(/^ +ports:.*$/gm)).toEqual(['    ports: ["80:80", "443:443", "443:443/udp"]'])
  expect(compose.match(/^ +image: .*$/gm)).toHaveLength(6)
  for (const line of compose.match(/^ +image: .*$/gm)!) expect(line).toMatch(/image: \$\{[A-Z_]+_IMAGE:\?by digest\}$/)
})

test('the build names no base image by tag, and gives no digest of its own', () => {
  const dockerfile = fileOf('Dockerfile')
  expect(dockerfile).toMatch(/^ARG NODE_DIGEST$/m)
  expect(dockerfile).toMatch(/^ARG DISTROLESS_DIGEST$/m)
  const from = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!)
  expect(from.filter((image) => image.includes('/')).every((image) => /@\$\{[A-Z_]+\}$/.test(image))).toBe(true)
})
