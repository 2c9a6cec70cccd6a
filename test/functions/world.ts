import { trustKeys } from '@tandem/service'
import { type CreateProfileResponse, type PrepareTransactionResponse, toBase64url } from '@tandem/wire'
import { computeAddress } from 'ethers'
import type { FunctionsConfig } from '../../functions/src/config.ts'
import { type Api, type Backend, startBackend } from './backend.ts'
import type { TestIssuer } from './issuer.ts'
import { type HeldKey, type KeyHolder, startKeyHolder } from './key-holder.ts'

export type Wallet = {
  readonly user: string
  readonly key: HeldKey
  readonly profileId: string
  readonly address: string
}

/** Issuer, duo-node and functions as they run, and a holder of whole keys where Sigpair would be. */
export type World = Omit<Backend<KeyHolder>, 'sigpair'> & {
  readonly keys: KeyHolder
  readonly createWallet: (user: string) => Promise<Wallet>
}

export async function startWorld(
  chainUrl = 'http://127.0.0.1:1',
  change: Partial<FunctionsConfig> = {},
): Promise<World> {
  const { sigpair: keys, ...backend } = await startBackend(
    chainUrl,
    ({ functions, duoNode }) => startKeyHolder({ functions: trustKeys([functions]), duoNode: trustKeys([duoNode]) }),
    change,
  )
  return { ...backend, keys, createWallet: (user) => createWallet(backend, keys, backend.issuer, user) }
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
