import {
  type Env,
  envJson,
  envList,
  envPort,
  envUrl,
  type LogLevel,
  type PublicJwk,
  publicJwk,
  readConfig,
} from '@tandem/service'
import { z } from 'zod'

export type DuoNodeConfig = {
  readonly host: string
  /** 0 lets the system choose */
  readonly port: number
  /** host names that requests may be for, without port */
  readonly hosts: readonly string[]
  /** where spent tokens are kept */
  readonly storePath: string
  readonly signingKeyFile: string
  /** the backend's public keys; two during a rotation */
  readonly functionsKeys: readonly PublicJwk[]
  /** Sigpair's internal HTTP, without a trailing slash */
  readonly sigpairUrl: string
  readonly logLevel: LogLevel
}

const variables = z.object({
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on', example: '0.0.0.0' }),
  PORT: envPort.default(3001).meta({ description: 'port to listen on', example: '3001' }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'duo-node.internal',
  }),
  STORE_PATH: z
    .string()
    .meta({ description: 'the database file for spent tokens', example: '.tandem/duo-node.sqlite' }),
  SIGNING_KEY_FILE: z.string().meta({
    description: 'Ed25519 key of our service tokens; made, with mode 0600, if it is missing',
    example: '.tandem/duo-node.jwk',
  }),
  FUNCTIONS_KEYS: envJson(z.array(publicJwk).min(1)).meta({
    description: 'public keys of the backend, a JSON list of Ed25519 JWKs',
    example: '[{"kty":"OKP","crv":"Ed25519","x":"…","kid":"…"}]',
  }),
  SIGPAIR_INTERNAL_URL: envUrl('http', 'https').meta({
    description: "Sigpair's internal HTTP",
    example: 'http://127.0.0.1:8081',
  }),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ example: 'info' }),
})

/** @throws {ConfigError} naming every variable that is missing or wrong, with an example */
export function readDuoNodeConfig(env: Env = process.env): DuoNodeConfig {
  const given = readConfig(variables, env)
  return {
    host: given.HOST,
    port: given.PORT,
    hosts: given.HOSTS,
    storePath: given.STORE_PATH,
    signingKeyFile: given.SIGNING_KEY_FILE,
    functionsKeys: given.FUNCTIONS_KEYS,
    sigpairUrl: given.SIGPAIR_INTERNAL_URL.replace(/\/+$/, ''),
    logLevel: given.LOG_LEVEL,
  }
}
