import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDuoNode } from '@tandem/duo-node'
import { listen, loadOrCreateSigningKey, trustKeys } from '@tandem/service'
import { type CreateProfileResponse, type PrepareTransactionResponse, type Problem, toBase64url } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { createApi } from '../../functions/src/api.ts'
import type { FunctionsConfig } from '../../functions/src/config.ts'
import { type TestIssuer, testIssuer } from './issuer.ts'
import { type HeldKey, type KeyHolder, startKeyHolder } from './key-holder.ts'

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

export type Wallet = {
  readonly user: string
  readonly key: HeldKey
  readonly profileId: string
  readonly address: string
}

/** Issuer, duo-node and functions as they run, and a holder of whole keys where Sigpair would be. */
export type World = Api & {
  readonly issuer: TestIssuer
  readonly keys: KeyHolder
  readonly config: FunctionsConfig
  /** one more instance of functions on the same database */
  readonly anotherApi: () => Promise<Api>
  readonly createWallet: (user: string) => Promise<Wallet>
  readonly stopDuoNode: () => Promise<void>
  readonly close: () => Promise<void>
}

export async function startWorld(chainUrl = 'http://127.0.0.1:1'): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-functions-'))
  const keyFile = (name: string) => join(directory, `${name}.jwk`)
  const functionsKey = await loadOrCreateSigningKey(keyFile('functions'))
  const duoNodeKey = await loadOrCreateSigningKey(keyFile('duo-node'))
  const issuer = await testIssuer()
  const keys = await startKeyHolder({
    functions: trustKeys([functionsKey.publicJwk]),
    duoNode: trustKeys([duoNodeKey.publicJwk]),
  })
  const duoNode = await startDuoNode({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    storePath: join(directory, 'duo-node.sqlite'),
    signingKeyFile: keyFile('duo-node'),
    functionsKeys: [functionsKey.publicJwk],
    sigpairUrl: keys.url,
    logLevel: 'silent',
  })
  const config: FunctionsConfig = {
    host: '127.0.0.1',
    issuers: [issuer.row],
    storePath: join(directory, 'backend.sqlite'),
    signingKeyFile: keyFile('functions'),
    duoNodeUrl: duoNode.url,
    sigpairUrl: 'ws://127.0.0.1:8080',
    chains: new Map([[31337, chainUrl]]),
    hosts: ['127.0.0.1'],
    origins: ['https://wallet.example'],
    logLevel: 'silent',
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
  const api = await anotherApi()
  let running = true
  const stopDuoNode = async () => {
    if (running) await duoNode.close()
    running = false
  }
  return {
    ...api,
    issuer,
    keys,
    config,
    anotherApi,
    createWallet: (user) => createWallet(api, keys, issuer, user),
    stopDuoNode,
    close: async () => {
      await Promise.all(closers.map((close) => close()))
      await stopDuoNode()
      await keys.close()
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

/** A body for POST /api/v2/profiles; the holder of whole keys looks at the key id only. */
export function profileRequest({ keyId, signer }: HeldKey) {
  const clientShare = {
    keyId,
    publicKey: signer.compressedPublicKey,
    share: signer.compressedPublicKey,
    proof: `0x${'11'.repeat(65)}`,
  }
  const zeros = (bytes: number) => `0x${'00'.repeat(bytes)}`
  const intent = {
    op: 'keygen',
    keyId,
    epoch: 0,
    bodyHash: zeros(32),
    nonce: zeros(16),
    expiry: 0,
    signature: zeros(64),
  }
  return { name: 'Savings', clientShare, intent }
}

async function createWallet(api: Api, keys: KeyHolder, issuer: TestIssuer, user: string): Promise<Wallet> {
  const key = keys.addKey(issuer.userOf(user))
  const { body } = await api.call<CreateProfileResponse>(user, 'POST', '/api/v2/profiles', profileRequest(key))
  return { user, key, profileId: body.profileId, address: computeAddress(key.signer) }
}

/** Where payments go. */
export const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

export async function prepare(api: Api, wallet: Wallet, change: object = {}): Promise<PrepareTransactionResponse> {
  const request = { to: SHOP, value: '1000', chainId: 31337, ...change }
  const path = `/api/v1/profiles/${wallet.profileId}/transactions`
  const { status, body } = await api.call<PrepareTransactionResponse>(wallet.user, 'POST', path, request)
  if (status !== 200) throw new Error(`${body.error}: ${body.details}`)
  return body
}

/** A share that no presignature was used for. */
export function freshShare(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(128)))
}

export function sign(api: Api, { user }: Wallet, sessionId: string, p1SignatureShare = freshShare()) {
  return api.call<{ txHash: string }>(user, 'POST', '/api/v1/mpc/sign', { sessionId, p1SignatureShare })
}
