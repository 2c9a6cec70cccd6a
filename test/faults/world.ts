import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTandemClient, type Pin, type TandemClient } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import type { PublicJwk } from '@tandem/service'
import { createKms, createSealer, type Stores } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'
import { LOCAL_KEY, type RunningKms, startKms } from '../../infra/local/src/kms.ts'
import { type Backend, startBackend } from '../functions/backend.ts'
import { fast } from '../helpers/backends.ts'
import { freePort } from '../helpers/stack.ts'
import type { Moment } from './children/mortal.ts'
import type { FromSigpair, ToSigpair } from './children/mortal-sigpair.ts'

/** A Sigpair that can be told to die, and started again on the same ports and databases. */
export type MortalSigpair = {
  readonly url: string
  readonly deviceUrl: string
  readonly arm: (diesAt: Moment) => Promise<void>
  readonly moments: () => Promise<readonly string[]>
  /** If it dies from here on, it is started again at once. */
  readonly nextDeath: () => Death
  readonly close: () => Promise<void>
}

export type Death = {
  readonly happened: Promise<void>
  /** Ends the watch. Whether it died; then it is back. */
  readonly over: () => Promise<boolean>
}

/** Backend and duo-node in this process, Sigpair in one that dies. */
export type FaultWorld = {
  readonly backend: Backend<MortalSigpair>
  readonly sigpair: MortalSigpair
  /** Sigpair's databases, as one more instance sees them */
  readonly stores: Stores
  readonly pin: Pin
  /** a folder that dies with the world */
  readonly folder: (name: string) => string
  readonly vaultKey: Uint8Array
  readonly device: (user: string, vaultFolder: string) => Promise<TandemClient>
  readonly close: () => Promise<void>
}

export async function startFaultWorld(): Promise<FaultWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-faults-'))
  const kms = await startKms({ port: 0, file: join(directory, 'kms.json'), keys: [LOCAL_KEY] })
  const backend = await startBackend('http://127.0.0.1:1', (keys) => startMortalSigpair(directory, kms, keys))
  const pin = (await backend.call<Pin>('nobody', 'GET', '/api/v1/mpc/cloud-public-key')).body
  const vaultKey = new Uint8Array(32).fill(7)
  const { stores, close } = openStores(directory, kms)
  const device = async (user: string, vaultFolder: string) => {
    return createTandemClient({
      baseUrl: backend.url,
      token: () => backend.issuer.tokenOf(user),
      vault: await fileVault(vaultFolder, vaultKey),
      pin: { publicKey: pin.publicKey, identity: pin.identity },
      backend: fast,
      stock: 0,
    })
  }
  return {
    backend,
    sigpair: backend.sigpair,
    stores,
    pin: { publicKey: pin.publicKey, identity: pin.identity },
    folder: (name) => join(directory, name),
    vaultKey,
    device,
    close: async () => {
      await backend.close()
      await close()
      await kms.close()
      rmSync(directory, { recursive: true })
    },
  }
}

function openStores(directory: string, kms: RunningKms) {
  const client = createKms({ keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: kms.port, insecure: true })
  const [parties, presignatures] = [openAt(directory, 'parties'), openAt(directory, 'presignatures')]
  const stores: Stores = { parties, presignatures, sealer: createSealer(client), now: Date.now }
  return {
    stores,
    close: async () => {
      await Promise.all([parties.close(), presignatures.close(), client.close()])
    },
  }
}

const openAt = (directory: string, name: string) => openSqlite({ path: join(directory, `${name}.sqlite`) })

const ENTRY = join(import.meta.dirname, 'children/mortal-sigpair.ts')

async function startMortalSigpair(
  directory: string,
  kms: RunningKms,
  keys: { readonly functions: PublicJwk; readonly duoNode: PublicJwk },
): Promise<MortalSigpair> {
  const port = await freePort()
  const internalPort = await freePort([port])
  const env = {
    METADATA_SERVER_DETECTION: 'none',
    MODE: 'development',
    PORT: String(port),
    INTERNAL_PORT: String(internalPort),
    THREADS: '1',
    LOG_LEVEL: 'silent',
    POLICY_DELAY_MS: '0',
    DATA_DIRECTORY: directory,
    KMS_KEY: LOCAL_KEY,
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    FUNCTIONS_KEYS: JSON.stringify([keys.functions]),
    DUO_NODE_KEYS: JSON.stringify([keys.duoNode]),
  }
  let child = await start(env)
  return {
    url: `http://127.0.0.1:${internalPort}`,
    deviceUrl: `ws://127.0.0.1:${port}`,
    arm: async (diesAt) => void (await ask(child, { arm: diesAt })),
    moments: async () => {
      const said = await ask(child, 'report')
      return 'moments' in said ? said.moments : []
    },
    nextDeath: () => {
      let watched = true
      let back: Promise<void> | undefined
      const happened = once(child, 'exit').then(() => {
        if (watched) back = start(env).then((next) => void (child = next))
      })
      const over = async () => {
        if (!isAlive(child)) await happened
        watched = false
        await back
        return back !== undefined
      }
      return { happened, over }
    },
    close: async () => {
      if (!isAlive(child)) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

const isAlive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

/** Sources are compiled once for all the processes that die. */
const COMPILED = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '' }

async function start(env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(ENTRY, {
    env: { ...COMPILED, ...env },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(([code]) => Promise.reject(new Error(`Sigpair did not start: ${code}`)))
  await Promise.race([once(child, 'message'), gone])
  gone.catch(() => undefined)
  return child
}

async function ask(child: ChildProcess, message: ToSigpair): Promise<FromSigpair> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(10_000) })
  child.send(message)
  return ((await answer) as [FromSigpair])[0]
}
