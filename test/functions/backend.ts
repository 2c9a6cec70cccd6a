import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDuoNode } from '@tandem/duo-node'
import { listen, loadOrCreateSigningKey, type PublicJwk } from '@tandem/service'
import type { Problem } from '@tandem/wire'
import { bucketsOf } from '../../functions/src/limits.ts'
import { createApi } from '../../functions/src/api.ts'
import type { FunctionsConfig } from '../../functions/src/config.ts'
import { type TestIssuer, testIssuer } from './issuer.ts'

export type Reply<T> = { readonly status: number; readonly body: T & Problem; readonly headers: Headers }

export type Api = {
  readonly url: string
  readonly call: <T = object>(
    user: string,
    method: string,
    path: string,
    body?: object,
    headers?: object,
  ) => Promise<Reply<T>>
}

/** What stands where Sigpair is. */
export type SigpairLike = {
  /** internal HTTP */
  readonly url: string
  /** of devices */
  readonly deviceUrl?: string
  readonly close: () => Promise<void>
}

/** Issuer, duo-node and functions as they run, in front of some Sigpair. */
export type Backend<Sigpair extends SigpairLike> = Api & {
  readonly issuer: TestIssuer
  readonly sigpair: Sigpair
  readonly config: FunctionsConfig
  /** one more instance of functions on the same database */
  readonly anotherApi: () => Promise<Api>
  readonly stopDuoNode: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What tests do in a second, a person does in a day. */
const UNLIMITED = { sign: null, key: null, backup: null, '2fa': null, 'key-tickets': null, tickets: null }

/**
 * @param startSigpair gets the public keys of those who will call it
 * @param change to the configuration
 */
export async function startBackend<Sigpair extends SigpairLike>(
  chainUrl: string,
  startSigpair: (callers: { readonly functions: PublicJwk; readonly duoNode: PublicJwk }) => Promise<Sigpair>,
  change: Partial<FunctionsConfig> = {},
): Promise<Backend<Sigpair>> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-functions-'))
  const keyFile = (name: string) => join(directory, `${name}.jwk`)
  const { publicJwk: functions } = await loadOrCreateSigningKey(keyFile('functions'))
  const { publicJwk: duoNodeKey } = await loadOrCreateSigningKey(keyFile('duo-node'))
  const issuer = await testIssuer()
  const sigpair = await startSigpair({ functions, duoNode: duoNodeKey })
  const duoNode = await startDuoNode({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    store: { kind: 'sqlite', path: join(directory, 'duo-node.sqlite') },
    signingKeyFile: keyFile('duo-node'),
    functionsKeys: [functions],
    sigpairUrl: sigpair.url,
    logLevel: 'silent',
  })
  const config: FunctionsConfig = {
    host: '127.0.0.1',
    issuers: [issuer.row],
    store: { kind: 'sqlite', path: join(directory, 'backend.sqlite') },
    signingKeyFile: keyFile('functions'),
    secretsKeyFile: join(directory, 'functions.secrets'),
    buckets: bucketsOf(UNLIMITED),
    duoNodeUrl: duoNode.url,
    sigpairUrl: sigpair.deviceUrl ?? 'ws://127.0.0.1:8080',
    chains: new Map([[31337, chainUrl]]),
    relyingParty: { id: 'wallet.example', origins: ['https://wallet.example'] },
    hosts: ['127.0.0.1'],
    origins: ['https://wallet.example'],
    logLevel: 'silent',
    ...change,
  }

  const closers: (() => Promise<void>)[] = []
  const anotherApi = async (): Promise<Api> => {
    const server = await listen(createApi(config), { name: 'functions', host: '127.0.0.1', port: 0 })
    closers.push(async () => {
      server.cut()
      await server.close()
    })
    return apiAt(`http://127.0.0.1:${server.port}`, issuer)
  }
  let running = true
  const stopDuoNode = async () => {
    if (running) await duoNode.close()
    running = false
  }
  return {
    ...(await anotherApi()),
    issuer,
    sigpair,
    config,
    anotherApi,
    stopDuoNode,
    close: async () => {
      await Promise.all(closers.map((close) => close()))
      await stopDuoNode()
      await sigpair.close()
      await issuer.close()
      rmSync(directory, { recursive: true })
    },
  }
}

export function apiAt(url: string, issuer: TestIssuer): Api {
  return {
    url,
    call: async (user, method, path, body, headers = {}) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${await issuer.tokenOf(user)}`, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as never, headers: answer.headers }
    },
  }
}
