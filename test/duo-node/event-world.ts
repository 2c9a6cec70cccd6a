import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type DuoNode, startDuoNode } from '@tandem/duo-node'
import {
  createLog,
  type Handler,
  handle,
  listen,
  loadOrCreateSigningKey,
  type Serving,
  type SigningKey,
  trustKeys,
} from '@tandem/service'
import { eventRoutes, listEvents, readEventCursor, type Stores, writeEvent } from '@tandem/sigpair'
import { openSqlite, type Store } from '@tandem/store'
import type { KeyEvent, KeyEventType } from '@tandem/wire'
import type { DuoNodeConfig } from '../../duo-node/src/config.ts'
import { createWebhooks } from '../../functions/src/api.ts'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { type KeyStates, keyStates } from '../../functions/src/ports/key-states.ts'
import { type Maintenance, maintenanceRoutes } from '../../sigpair/src/internal/maintenance-routes.ts'
import { sweepOnce } from '../../sigpair/src/sweep.ts'
import { pathOf } from '../helpers/path-of.ts'

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** The key with this number. */
export const keyIdOf = (n: number): string => `0x${n.toString(16).padStart(64, '0')}`

export const OWNER = 'https://issuer.example|ada'

/** Sigpair's outbox behind its real routes, the backend's real endpoint, and what is between them. */
export type EventWorld = {
  readonly directory: string
  /** of the backend */
  readonly key: SigningKey
  /** what Sigpair was asked to see to, and has done */
  readonly maintained: readonly string[]
  readonly sigpairDown: () => Promise<void>
  readonly tell: (keyId: string, type: KeyEventType) => Promise<KeyEvent>
  /** what Sigpair still has to tell */
  readonly pending: () => Promise<readonly KeyEvent[]>
  readonly backend: Backend
  /** what the backend believes */
  readonly states: KeyStates
  /** ids of the events that the backend has taken */
  readonly taken: () => Promise<readonly string[]>
  readonly start: (change?: object) => Promise<DuoNode>
  readonly spawn: () => Promise<DuoNodeProcess>
  readonly close: () => Promise<void>
}

export type Backend = {
  /** every attempt, in order */
  readonly arrivals: { readonly id: string; readonly status: number }[]
  /** stands in front of the endpoint; answers itself, or passes on */
  meddle: (id: string, pass: () => Promise<number>) => Promise<number>
  readonly up: () => Promise<void>
  readonly down: () => Promise<void>
}

export type DuoNodeProcess = { readonly url: string; readonly kill: () => Promise<void> }

export async function openEventWorld(): Promise<EventWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-events-'))
  const key = await loadOrCreateSigningKey(join(directory, 'functions.jwk'))
  const duoNodeKey = await loadOrCreateSigningKey(join(directory, 'duo-node.jwk'))
  const open = (name: string): Store => openSqlite({ path: join(directory, name) })
  const parties = open('parties.sqlite')
  const presignatures = open('presignatures.sqlite')
  const stores: Stores = { parties, presignatures, sealer: undefined as never, now: Date.now }
  const maintained: string[] = []
  const duoNode = trusted(duoNodeKey)
  const routes = [
    ...eventRoutes({ stores, duoNode }),
    ...maintenanceRoutes({ stores, duoNode, maintenance: maintenanceOf(stores, maintained) }),
  ]
  const sigpair = await serve(handle(routes, logged))
  const store = open('backend.sqlite')
  const backend = await openBackend(directory)

  const children = new Set<DuoNodeProcess>()
  const nodes = new Set<DuoNode>()
  const config: DuoNodeConfig = {
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: join(directory, 'duo-node.jwk'),
    functionsKeys: [key.publicJwk],
    sigpairUrl: `http://127.0.0.1:${sigpair.port}`,
    webhooks: { url: backend.url, secret: SECRET, pollMs: 20, attempts: 4, backoffMs: 10, leaseMs: 6_000 },
    logLevel: 'silent',
  }
  return {
    directory,
    key,
    maintained,
    sigpairDown: async () => {
      sigpair.cut()
      await sigpair.close()
    },
    tell: async (keyId, type) => tell(stores, keyId, type),
    pending: async () => (await listEvents(stores, { limit: 1000 })).events,
    backend,
    states: keyStates(store, Date.now),
    taken: async () => (await store.list('webhooks', { limit: 1000 })).docs.map(({ id }) => id),
    start: async (change = {}) => {
      const node = await startDuoNode({ ...config, webhooks: { ...config.webhooks!, ...change } })
      nodes.add(node)
      return node
    },
    spawn: async () => {
      const child = await spawnDuoNode(config)
      children.add(child)
      return child
    },
    close: async () => {
      await Promise.all([...[...children].map((child) => child.kill()), ...[...nodes].map((node) => node.close())])
      await backend.down()
      sigpair.cut()
      if (sigpair.server.listening) await sigpair.close()
      await Promise.all([parties.close(), presignatures.close(), store.close()])
      rmSync(directory, { recursive: true })
    },
  }
}

const log = createLog({ name: 'test', level: 'silent' })
const logged = { log, hosts: ['127.0.0.1'] }

const serve = async (handler: Handler, port = 0): Promise<Serving> =>
  listen(handler, { name: 'test', host: '127.0.0.1', port })

const trusted = ({ publicJwk }: SigningKey) => ({ issuer: 'duo-node', keys: trustKeys([publicJwk]) })

async function tell({ parties }: Stores, keyId: string, type: KeyEventType): Promise<KeyEvent> {
  const status = type === 'key.pending' ? 'PENDING' : type === 'key.frozen' ? 'FROZEN' : 'READY'
  const about = { type, keyId, owner: OWNER, epoch: 0, status, publicKey: `0x${'02'.repeat(33)}` } as const
  await parties.transaction(async (tx) => writeEvent(tx, await readEventCursor(tx, keyId), about, Date.now()))
  const { docs } = await parties.list<KeyEvent>('events', { limit: 1000, prefix: keyId })
  return docs.at(-1)!.data
}

/** The real sweep; checkpoints need a KMS, and fail the second time. */
function maintenanceOf(stores: Stores, maintained: string[]): Maintenance {
  return {
    'sweep-keys': async () => {
      const failed = await sweepOnce(stores, log)
      maintained.push('sweep-keys')
      return failed
    },
    'sign-checkpoints': async () => {
      const failed = maintained.includes('sign-checkpoints') ? ['kms'] : []
      maintained.push('sign-checkpoints')
      return failed
    },
  }
}

async function openBackend(directory: string): Promise<Backend & { readonly url: string }> {
  const config = readFunctionsConfig({
    ISSUERS: '[{"issuer":"http://127.0.0.1:1","audience":"x","jwksUrl":"http://127.0.0.1:1","algorithms":["ES256"]}]',
    MODE: 'development',
    STORE_PATH: join(directory, 'backend.sqlite'),
    SIGNING_KEY_FILE: join(directory, 'functions.jwk'),
    SECRETS_KEY_FILE: join(directory, 'secrets.key'),
    DUO_NODE_URL: 'http://127.0.0.1:1',
    SIGPAIR_URL: 'ws://127.0.0.1:1',
    CHAINS: '{}',
    WEBHOOK_SECRETS: `whsec_${randomBytes(32).toString('base64')},${SECRET}`,
    LOG_LEVEL: 'silent',
  })
  const endpoint = createWebhooks(config)
  const front: Handler = async (req, res) => {
    const id = String(req.headers['webhook-id'])
    const pass = async () => {
      const writeHead = res.writeHead.bind(res)
      // the front decides when the answer leaves
      const answered = new Promise<number>((resolve) => {
        res.writeHead = (status: number) => {
          resolve(status)
          return res
        }
        res.end = () => res
      })
      await endpoint(req, res)
      res.writeHead = writeHead
      return answered
    }
    const end = res.end.bind(res)
    const status = await backend.meddle(id, pass)
    backend.arrivals.push({ id, status })
    res.writeHead(status)
    end()
  }
  let serving: Serving | undefined = await serve(front)
  const { port } = serving
  const backend: Backend & { readonly url: string } = {
    url: `http://127.0.0.1:${port}/webhooks/duo-node`,
    arrivals: [],
    meddle: async (_, pass) => pass(),
    up: async () => {
      serving ??= await serve(front, port)
    },
    down: async () => {
      serving?.cut()
      await serving?.close()
      serving = undefined
    },
  }
  return backend
}

/** As it ships. */
async function spawnDuoNode({ webhooks, ...config }: DuoNodeConfig): Promise<DuoNodeProcess> {
  const env = {
    PORT: '0',
    MODE: 'development',
    STORE_PATH: pathOf(config.store),
    SIGNING_KEY_FILE: config.signingKeyFile,
    FUNCTIONS_KEYS: JSON.stringify(config.functionsKeys),
    SIGPAIR_INTERNAL_URL: config.sigpairUrl,
    WEBHOOK_URL: webhooks!.url,
    WEBHOOK_SECRET: webhooks!.secret,
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
    WEBHOOK_POLL_MS: '50',
    WEBHOOK_ATTEMPTS: String(webhooks!.attempts),
    WEBHOOK_BACKOFF_MS: String(webhooks!.backoffMs),
    WEBHOOK_LEASE_MS: String(webhooks!.leaseMs),
  }
  const main = join(import.meta.dirname, '../../duo-node/src/main.ts')
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as { readonly event?: string; readonly url: string }
    if (line.event !== 'started') continue
    child.stdout.resume()
    return { url: line.url, kill }
  }
  throw new Error('duo-node ended before it had started')
}

/** Waits for something to become true. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((again) => setTimeout(again, 10))
}
