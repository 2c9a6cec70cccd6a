import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTandemClient, defaultPlatform, type Pin, type TandemClient } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import type { PublicJwk } from '@tandem/service'
import { createKms, createSealer, type Stores } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'
import { LOCAL_KEY, startKms } from '../../infra/local/src/kms/kms.ts'
import { type Backend, type SigpairLike, startBackend } from '../functions/backend.ts'
import { fast } from '../helpers/backends.ts'
import { freePort } from '../helpers/stack.ts'
import { memberFolders, startMortalCommittee } from './committee.ts'
import { type Mortal, startMortal } from './mortal-process.ts'
import { seeing } from './seeing.ts'

/** Who holds the rest of the key: one Sigpair, or two of three members behind a gateway. */
export type Beside = 'pair' | 'committee'

/** Backend and duo-node in this process, what can die each in its own. */
export type FaultWorld = {
  readonly beside: Beside
  readonly backend: Backend<SigpairLike>
  /** whom `Victim` names, but for the device */
  readonly mortals: Readonly<Record<string, Mortal>>
  /** databases of Sigpair, or of each member, as one more instance sees them */
  readonly stores: readonly Stores[]
  readonly pin: Pin
  /** a folder that dies with the world */
  readonly folder: (name: string) => string
  readonly vaultKey: Uint8Array
  /** @param members whom a device beside a committee is told of; all, if absent */
  readonly device: (user: string, vaultFolder: string, members?: readonly number[]) => Promise<TandemClient>
  readonly close: () => Promise<void>
}

type Callers = { readonly functions: PublicJwk; readonly duoNode: PublicJwk }

type Standing = SigpairLike & Pick<FaultWorld, 'mortals'>

export async function startFaultWorld(beside: Beside = 'pair'): Promise<FaultWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-faults-'))
  const kms = await startKms({ port: 0, file: join(directory, 'kms.json'), keys: [LOCAL_KEY] })
  const client = createKms({ keyName: LOCAL_KEY, endpoint: '127.0.0.1', port: kms.port, insecure: true })
  const folders = beside === 'pair' ? [directory] : memberFolders(directory)
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  const databases = folders.map((folder) => ({ folder, ...open(folder) }))
  const stores = databases.map(({ folder, parties, presignatures }) => {
    return { folder, parties, presignatures, sealer: createSealer(client), now: Date.now }
  })
  const storesOf = (folder: string) => stores.find((one) => one.folder === folder)!
  const start = async (callers: Callers): Promise<Standing> => {
    const common = environment(kms.port, callers)
    return beside === 'pair' ? inAPair(directory, common) : inACommittee({ directory, common, callers, storesOf })
  }
  const backend = await startBackend('http://127.0.0.1:1', start)
  const pin = pinIn((await backend.call<Pin>('nobody', 'GET', '/api/v1/mpc/cloud-public-key')).body)
  const vaultKey = new Uint8Array(32).fill(7)
  const device: FaultWorld['device'] = async (user, vaultFolder, members) =>
    createTandemClient({
      baseUrl: backend.url,
      token: () => backend.issuer.tokenOf(user),
      vault: await fileVault(vaultFolder, vaultKey),
      platform: seeing(defaultPlatform(), members),
      ...{ pin, backend: fast, stock: 0 },
    })
  const close = async () => {
    await backend.close()
    await Promise.all(databases.flatMap(({ parties, presignatures }) => [parties.close(), presignatures.close()]))
    await client.close()
    await kms.close()
    rmSync(directory, { recursive: true })
  }
  const { mortals } = backend.sigpair
  return {
    ...{ beside, backend, mortals, stores, pin, vaultKey, device, close },
    folder: (name) => join(directory, name),
  }
}

function pinIn({ publicKey, identity, committee }: Pin): Pin {
  return { publicKey, identity, ...(committee && { committee }) }
}

function open(folder: string) {
  const openAt = (name: string) => openSqlite({ path: join(folder, `${name}.sqlite`) })
  return { parties: openAt('parties'), presignatures: openAt('presignatures') }
}

/** What every Sigpair is told, and every gateway. */
function environment(kmsPort: number, { functions, duoNode }: Callers): Readonly<Record<string, string>> {
  return {
    METADATA_SERVER_DETECTION: 'none',
    MODE: 'development',
    THREADS: '1',
    LOG_LEVEL: 'silent',
    POLICY_DELAY_MS: '0',
    KMS_KEY: LOCAL_KEY,
    KMS_ENDPOINT: `http://127.0.0.1:${kmsPort}`,
    FUNCTIONS_KEYS: JSON.stringify([functions]),
    DUO_NODE_KEYS: JSON.stringify([duoNode]),
  }
}

async function inAPair(directory: string, common: Readonly<Record<string, string>>): Promise<Standing> {
  const port = await freePort()
  const internalPort = await freePort([port])
  const places = { PORT: String(port), INTERNAL_PORT: String(internalPort), DATA_DIRECTORY: directory }
  const sigpair = await startMortal({ ...common, ...places })
  const urls = { url: `http://127.0.0.1:${internalPort}`, deviceUrl: `ws://127.0.0.1:${port}` }
  return { ...urls, mortals: { sigpair }, close: sigpair.close }
}

async function inACommittee(options: Parameters<typeof startMortalCommittee>[0]): Promise<Standing> {
  const { members, gateway, url, deviceUrl, close } = await startMortalCommittee(options)
  return { ...{ url, deviceUrl, close }, mortals: { member: members[1]!, gateway } }
}
