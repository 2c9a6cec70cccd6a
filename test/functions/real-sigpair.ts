import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTandemClient, memoryVault, type TandemClient, type TandemOptions } from '@tandem/client'
import { native } from '@tandem/ec-native'
import { LOCAL_KEY, startKms } from '@tandem/local'
import type { PublicJwk } from '@tandem/service'
import type { CloudPublicKeyResponse } from '@tandem/wire'
import { readSigpairConfig } from '../../sigpair/src/config.ts'
import { startSigpair } from '../../sigpair/src/start.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { type Backend, startBackend } from './backend.ts'

/** Sigpair as it runs, with its KMS. */
export async function realSigpair(callers: { readonly functions: PublicJwk; readonly duoNode: PublicJwk }) {
  process.env['METADATA_SERVER_DETECTION'] = 'none'
  const directory = mkdtempSync(join(tmpdir(), 'tandem-sigpair-'))
  const kms = await startKms({ port: 0, file: join(directory, 'kms.json') })
  const config = readSigpairConfig({
    MODE: 'development',
    PORT: '0',
    INTERNAL_PORT: '0',
    DATA_DIRECTORY: directory,
    KMS_KEY: LOCAL_KEY,
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    FUNCTIONS_KEYS: JSON.stringify([callers.functions]),
    DUO_NODE_KEYS: JSON.stringify([callers.duoNode]),
    THREADS: '1',
    LOG_LEVEL: 'silent',
  })
  const sigpair = await startSigpair(config)
  let running = true
  const stop = async () => {
    if (running) await sigpair.close()
    running = false
  }
  return {
    url: sigpair.internalUrl ?? '',
    deviceUrl: sigpair.url ?? '',
    directory,
    stop,
    close: async () => {
      await stop()
      await kms.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** Everything as it runs: functions, duo-node, Sigpair with its KMS, an EVM node, and the SDK of any user. */
export type WholeWorld = {
  readonly anvil: Anvil
  readonly backend: Backend<Awaited<ReturnType<typeof realSigpair>>>
  readonly clientOf: (user: string, change?: Partial<TandemOptions>) => Promise<TandemClient>
  readonly close: () => Promise<void>
}

export async function startWholeWorld(): Promise<WholeWorld> {
  const anvil = await startAnvil()
  const backend = await startBackend(anvil.url, realSigpair)
  const clients: TandemClient[] = []
  const clientOf = async (user: string, change: Partial<TandemOptions> = {}) => {
    const { body } = await backend.call<CloudPublicKeyResponse>(user, 'GET', '/api/v1/mpc/cloud-public-key')
    const curve = native()
    const client = createTandemClient({
      baseUrl: backend.url,
      token: () => backend.issuer.tokenOf(user),
      vault: memoryVault(),
      pin: { publicKey: body.publicKey, identity: body.identity },
      stock: 0,
      ...(curve === undefined ? {} : { backend: curve }),
      ...change,
    })
    clients.push(client)
    return client
  }
  const close = async () => {
    await Promise.all(clients.map(async (client) => client.close()))
    await backend.close()
    await anvil.stop()
  }
  return { anvil, backend, clientOf, close }
}
