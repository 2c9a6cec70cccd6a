import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hedged } from '@tandem/rounds'
import { createSigningKey, issueTicket, type TicketGrant } from '@tandem/service'
import { createKms, createSealer, loadIdentity, type Stores } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'
import type { Hello } from '@tandem/wire'
import { LOCAL_KEY, startKms } from '../../infra/local/src/kms.ts'
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
  readonly config: Config
  /** its databases, as another instance sees them */
  readonly stores: Stores
  readonly sigpairKey: Uint8Array
  readonly identity: Uint8Array
  readonly ticket: (grant: TicketGrant, nowMs?: number) => Promise<string>
  readonly close: () => Promise<void>
}

/** What of the configuration a test decides. */
export type TestOptions = {
  readonly role?: Config['role']
  readonly bounds?: Partial<Config['bounds']>
  readonly deadlines?: Partial<Config['deadlines']>
  readonly origins?: readonly string[]
}

export async function startTestSigpair(options: TestOptions = {}): Promise<TestSigpair> {
  const functions = await createSigningKey()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'tandem-sigpair-'))
  const kms = await startKms({ port: 0, file: join(dataDirectory, 'kms.json') })
  const config: Config = {
    role: options.role ?? 'both',
    host: '127.0.0.1',
    port: 0,
    internalPort: 0,
    dataDirectory,
    kms: { keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: kms.port, insecure: true },
    functionsKeys: [functions.publicJwk],
    duoNodeKeys: [functions.publicJwk],
    hosts: ['127.0.0.1'],
    origins: options.origins ?? [],
    proxies: 0,
    logLevel: 'silent',
    bounds: { sockets: 64, perAddress: 64, pingMs: 30_000, threads: 1, ...options.bounds },
    deadlines: { ...DEADLINES, drainMs: 0, ...options.deadlines },
  }
  const sigpair = await startSigpair(config)
  const client = createKms(config.kms)
  const stores = {
    parties: openSqlite({ path: join(dataDirectory, 'parties.sqlite') }),
    presignatures: openSqlite({ path: join(dataDirectory, 'presignatures.sqlite') }),
    sealer: createSealer(client),
    now: Date.now,
  }
  const { exchange, identity } = await loadIdentity(stores)
  return {
    url: sigpair.url ?? '',
    internalUrl: sigpair.internalUrl ?? '',
    config,
    stores,
    sigpairKey: exchange.publicKey,
    identity: identity.publicKey,
    ticket: (grant, nowMs = Date.now()) => issueTicket(functions, grant, nowMs),
    close: async () => {
      await sigpair.close()
      await Promise.all([stores.parties.close(), stores.presignatures.close(), client.close()])
      await kms.close()
      rmSync(dataDirectory, { recursive: true })
    },
  }
}

/** A dialogue with a fresh ticket of the right kind; `changes` say what is wrong with it. */
export async function dial(
  sigpair: TestSigpair,
  { device, keyId }: { readonly device: Device; readonly keyId: string },
  hello: Hello,
  changes: { readonly grant?: Partial<TicketGrant>; readonly request?: Partial<DialogueRequest> } = {},
): Promise<Conversation> {
  const ticket = await sigpair.ticket({ sub: OWNER, op: hello.op, keyId, epoch: 0, cnf: device.cnf, ...changes.grant })
  return converse({ url: sigpair.url, sigpairKey: sigpair.sigpairKey, device, ticket, hello, ...changes.request })
}
