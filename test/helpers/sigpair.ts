import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hedged } from '@tandem/rounds'
import { createSigningKey, issueTicket, type TicketGrant } from '@tandem/service'
import { createKms, createSealer, loadIdentity, type Stores } from '@tandem/sigpair'
import { openSqlite, type Store } from '@tandem/store'
import type { Hello } from '@tandem/wire'
import { LOCAL_KEY, startKms } from '../../infra/local/src/kms/kms.ts'
import { type Config, DEADLINES } from '../../sigpair/src/config.ts'
import { startSigpair } from '../../sigpair/src/start.ts'
import { type Conversation, converse, type Device, type DialogueRequest } from './device.ts'

export const OWNER = 'https://issuer.test|alice'

// Google's client would look for Google's machines otherwise, and warn that there are none.
process.env['METADATA_SERVER_DETECTION'] = 'none'

export const rng = hedged((n) => new Uint8Array(randomBytes(n)), new Uint8Array())

/** A Sigpair that runs: real sockets, real databases, real KMS, real threads. */
export type TestSigpair = {
  readonly url: string
  readonly internalUrl: string
  /** its databases, as another instance sees them */
  readonly stores: Stores
  readonly sigpairKey: Uint8Array
  readonly ticket: (grant: TicketGrant, nowMs?: number) => Promise<string>
  readonly close: () => Promise<void>
}

/** What of the configuration a test decides. */
export type TestOptions = {
  readonly role?: Config['role']
  readonly bounds?: Partial<Config['bounds']>
  readonly deadlines?: Partial<Config['deadlines']>
  readonly origins?: readonly string[]
  readonly port?: number
}

/** In this process. Closing it ends running dialogues at once unless `drainMs` says otherwise. */
export async function startTestSigpair(options: TestOptions = {}): Promise<TestSigpair> {
  const { role = 'both', bounds, deadlines, origins = [], port = 0 } = options
  const around = await startSurroundings()
  const sigpair = await startSigpair({
    ...around.environment,
    role,
    host: '127.0.0.1',
    port,
    internalHost: '127.0.0.1',
    internalPort: 0,
    hosts: ['127.0.0.1'],
    origins,
    proxies: 0,
    auditKey: undefined,
    policyDelayMs: 0,
    logLevel: 'silent',
    bounds: { sockets: 64, perAddress: 64, pingMs: 30_000, threads: 1, ...bounds },
    deadlines: { ...DEADLINES, drainMs: 0, ...deadlines },
  }).catch(async (error: unknown) => {
    await around.close()
    throw error
  })
  const close = async () => {
    await sigpair.close()
    await around.close()
  }
  return { url: sigpair.url ?? '', internalUrl: sigpair.internalUrl ?? '', ...(await around.view()), close }
}

/** As it ships: a process of its own, told everything by its environment. */
export type SigpairProcess = TestSigpair & { readonly child: ChildProcess; readonly exitCode: Promise<number | null> }

/** @param more of what its environment and its command line say */
export async function spawnSigpair(
  more: { readonly env?: Readonly<Record<string, string>>; readonly args?: readonly string[] } = {},
): Promise<SigpairProcess> {
  const around = await startSurroundings()
  const { dataDirectory } = around
  const { kms, functionsKeys, duoNodeKeys } = around.environment
  const env = {
    METADATA_SERVER_DETECTION: 'none',
    PORT: '0',
    INTERNAL_PORT: '0',
    THREADS: '1',
    MODE: 'development',
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
    DATA_DIRECTORY: dataDirectory,
    KMS_KEY: kms.keyName,
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    FUNCTIONS_KEYS: JSON.stringify(functionsKeys),
    DUO_NODE_KEYS: JSON.stringify(duoNodeKeys),
    ...more.env,
  }
  const main = join(import.meta.dirname, '../../sigpair/src/main.ts')
  const child = spawn(process.execPath, [main, ...(more.args ?? [])], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exitCode = once(child, 'exit').then(([code]) => code as number | null)
  const close = async () => {
    child.kill('SIGKILL')
    await exitCode
    await around.close()
  }
  const { url, internalUrl } = await startedLine(child.stdout).catch(async (error: unknown) => {
    await close()
    throw error
  })
  return { url, internalUrl, ...(await around.view()), child, exitCode, close }
}

async function startedLine(
  stdout: NodeJS.ReadableStream,
): Promise<{ readonly url: string; readonly internalUrl: string }> {
  for await (const text of createInterface({ input: stdout })) {
    const line = JSON.parse(text) as { event?: string; url: string; internalUrl: string }
    if (line.event === 'started') return line
  }
  throw new Error('Sigpair ended before it had started')
}

/** Everything around a Sigpair: KMS, the backend's key, a folder. */
export async function startSurroundings() {
  const functions = await createSigningKey()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tandem-sigpair-'))
  const server = await startKms({ port: 0, file: join(dataDirectory, 'kms.json') })
  const kms = { keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: server.port, insecure: true }
  const keys = [functions.publicJwk]
  const client = createKms(kms)
  const opened: Store[] = []
  const place = (name: string) => ({ kind: 'sqlite', path: join(dataDirectory, `${name}.sqlite`) }) as const
  const databases = { parties: place('parties'), presignatures: place('presignatures') }
  const open = (name: keyof typeof databases) => {
    const store = openSqlite(databases[name])
    opened.push(store)
    return store
  }

  const view = async () => {
    const sealer = createSealer(client)
    const stores = { parties: open('parties'), presignatures: open('presignatures'), sealer, now: Date.now }
    const { exchange } = await loadIdentity(stores)
    const ticket = (grant: TicketGrant, nowMs = Date.now()) => issueTicket(functions, grant, nowMs)
    return { stores, sigpairKey: exchange.publicKey, ticket }
  }
  const close = async () => {
    await Promise.all([...opened.map((store) => store.close()), client.close()])
    await server.close()
    rmSync(dataDirectory, { recursive: true })
  }
  const environment = { stores: databases, kms, functionsKeys: keys, duoNodeKeys: keys }
  return { environment, dataDirectory, view, close }
}

/** Who dials; a new key has no epoch yet. */
export type Dialling = {
  readonly device: Device
  readonly keyId: string
  readonly pair?: { readonly epoch: number }
}

/** A dialogue with a fresh ticket of the right kind; `changes` say what is wrong with it. */
export async function dial(
  sigpair: TestSigpair,
  { device, keyId, pair }: Dialling,
  hello: Hello,
  changes: { readonly grant?: Partial<TicketGrant>; readonly request?: Partial<DialogueRequest> } = {},
): Promise<Conversation> {
  const epoch = pair?.epoch ?? 0
  const ticket = await sigpair.ticket({ sub: OWNER, op: hello.op, keyId, epoch, cnf: device.cnf, ...changes.grant })
  return converse({ url: sigpair.url, sigpairKey: sigpair.sigpairKey, device, ticket, hello, ...changes.request })
}
