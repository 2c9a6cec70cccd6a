import { envList, envPort, type LogLevel, modeVariables } from '@tandem/service'
import { z } from 'zod'

/** Where and to whom a Sigpair, or a gateway in its place, listens. */
export type Listeners = {
  /** who is served: devices over WebSocket, duo-node over internal HTTP, or both */
  readonly role: 'device' | 'internal' | 'both'
  readonly host: string
  /** of devices; 0: any free one */
  readonly port: number
  /** where internal HTTP listens: never where devices are, unless somebody says so */
  readonly internalHost: string
  /** of internal HTTP; 0: any free one */
  readonly internalPort: number
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  /** proxies of ours in front */
  readonly proxies: number
  readonly logLevel: LogLevel
}

/** How many devices are served at once. */
export type DeviceBounds = {
  /** dialogues at once */
  readonly sockets: number
  readonly perAddress: number
  readonly pingMs: number
}

/** Cloud Run kills a container 10 s after SIGTERM. */
export const DRAIN_MS = 8_000

/** Below the idle timeouts of the load balancers we know. */
const PING_MS = 30_000

export const count = z
  .string()
  .regex(/^[1-9][0-9]{0,4}$/, 'a count above zero')
  .transform(Number)

export const listenVariables = {
  SIGPAIR_ROLE: z.enum(['device', 'internal', 'both']).default('both').meta({ example: 'device' }),
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on for devices', example: '0.0.0.0' }),
  PORT: envPort.default(8080).meta({ description: 'WebSocket for devices', example: '8080' }),
  INTERNAL_HOST: z.string().default('127.0.0.1').meta({ description: 'address of internal HTTP', example: '10.0.0.5' }),
  INTERNAL_PORT: envPort.default(8081).meta({ description: 'internal HTTP for duo-node', example: '8081' }),
  HOSTS: envList.default(['127.0.0.1', 'localhost', '[::1]']).meta({
    description: 'host names that requests may be for, without port',
    example: 'sigpair.example.com',
  }),
  ORIGINS: envList.default([]).meta({
    description: 'origins of web pages that may connect',
    example: 'https://wallet.example.com',
  }),
  TRUSTED_PROXIES: z
    .string()
    .regex(/^[0-9]$/, 'a digit')
    .transform(Number)
    .default(0)
    .meta({ description: 'proxies in front that append to X-Forwarded-For', example: '1' }),
  MAX_DIALOGUES: count.default(256).meta({ description: 'dialogues at once', example: '256' }),
  MAX_DIALOGUES_PER_ADDRESS: count.default(32).meta({ description: 'of them from one address', example: '32' }),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({ example: 'info' }),
  ...modeVariables,
}

const schema = z.object(listenVariables)
type Given = z.infer<typeof schema>

export function listenersOf(given: Given): Listeners {
  return {
    role: given.SIGPAIR_ROLE,
    host: given.HOST,
    port: given.PORT,
    internalHost: given.INTERNAL_HOST,
    internalPort: given.INTERNAL_PORT,
    hosts: given.HOSTS,
    origins: given.ORIGINS,
    proxies: given.TRUSTED_PROXIES,
    logLevel: given.LOG_LEVEL,
  }
}

export function boundsOf(given: Given): DeviceBounds {
  return { sockets: given.MAX_DIALOGUES, perAddress: given.MAX_DIALOGUES_PER_ADDRESS, pingMs: PING_MS }
}
