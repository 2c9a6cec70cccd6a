import { randomBytes } from 'node:crypto'
import {
  type Allowance,
  createLog,
  loadOrCreateSigningKey,
  oidcVerifier,
  type SigningKey,
  spendAllowance,
  sweepEvery,
  watchStore,
} from '@tandem/service'
import { openStore, ref, type Store } from '@tandem/store'
import type { FunctionsConfig } from './config.ts'
import type { BucketName, Buckets } from './limits.ts'
import type { SwapRouters } from './batch/local-builder.ts'
import { appAttest } from './ports/app-attest.ts'
import { type AttestedDevices, attestedDevices } from './ports/attested-devices.ts'
import { type Batches, batches } from './ports/batches.ts'
import { type Chain, chains } from './ports/chain.ts'
import { claims } from './ports/claims.ts'
import { type DuoNode, duoNode } from './ports/duo-node.ts'
import { type KeyStates, keyStates } from './ports/key-states.ts'
import { type Nonces, nonces } from './ports/nonces.ts'
import { type Profiles, profiles } from './ports/profiles.ts'
import { loadOrCreateSecrets, type Secrets } from './ports/secrets.ts'
import { type Sessions, sessions } from './ports/sessions.ts'
import { type TwoFactor, twoFactor } from './ports/two-factor.ts'
import { type UserAudit, userAudit } from './ports/user-audit.ts'
import type { VerifyAppAttest } from './http/attest-device.ts'
import type { RequireTwoFactor } from './two-factor/require.ts'

/** `n` unpredictable bytes. */
export type Random = (n: number) => Uint8Array

const csprng: Random = (n) => new Uint8Array(randomBytes(n))

/** The world behind the endpoints, opened. */
export type Ports = {
  readonly store: Store
  /** signs tickets and service tokens */
  readonly key: SigningKey
  readonly verifyUser: ReturnType<typeof oidcVerifier>
  readonly sigpair: DuoNode
  /** where devices reach Sigpair */
  readonly sigpairUrl: string
  readonly chainOf: (chainId: number) => Promise<Chain>
  readonly nonces: Nonces
  readonly profiles: Profiles
  readonly keyStates: KeyStates
  readonly sessions: Sessions
  readonly batches: Batches
  /** who builds the operations of a batch, and what swaps go through */
  readonly builder: { readonly routers: SwapRouters; readonly orbyUrl: string | undefined }
  readonly secrets: Secrets
  readonly buckets: Buckets
  /** Spends one of a user's allowance; answers what is left, unless it has no bounds. @throws {WireError} `RATE_LIMITED` */
  readonly spend: (user: string, bucket: BucketName, what?: string) => Promise<Allowance | undefined>
  /** what the user did that concerns no key */
  readonly userAudit: UserAudit
  readonly twoFactor: TwoFactor
  /** Proves the second factor of a caller and uses the proof up. @throws {WireError} see two-factor/require.ts */
  readonly requireTwoFactor: RequireTwoFactor
  /** of App Attest; without `verify` nobody attests */
  readonly attestation: {
    readonly verify: VerifyAppAttest | undefined
    readonly required: boolean
    readonly devices: AttestedDevices
  }
  readonly exclusively: ReturnType<typeof claims>
  /** what key ids are drawn from */
  readonly random: Random
  /** ms since 1970 */
  readonly now: () => number
}

/** @throws what a missing file, a locked database or a wrong key file throws */
export async function openPorts(config: FunctionsConfig, random: Random = csprng): Promise<Ports> {
  const key = await loadOrCreateSigningKey(config.signingKeyFile, config.keysAreMounted)
  const store = watchStore(await openStore(config.store), config.store.kind, 'backend')
  // Firestore does it by itself
  if (config.store.kind === 'sqlite') sweepEvery(store, createLog({ name: 'functions', level: config.logLevel }))
  const now = Date.now
  const secrets = loadOrCreateSecrets(config.secretsKeyFile, config.keysAreMounted)
  const sigpair = duoNode({ url: config.duoNodeUrl, key, identity: config.identity })
  const profilesOf = profiles(store, now)
  const secondFactor = twoFactor(store, {
    secrets,
    relyingParty: config.relyingParty,
    hasKey: async (owner) => (await profilesOf.list(owner)).length > 0,
    attest: sigpair.attest,
    now,
  })
  return {
    store,
    key,
    verifyUser: oidcVerifier({ issuers: config.issuers }),
    sigpair,
    sigpairUrl: config.sigpairUrl,
    chainOf: chains(config.chains),
    nonces: nonces(store, now),
    profiles: profilesOf,
    keyStates: keyStates(store, now),
    sessions: sessions(store),
    batches: batches(store),
    builder: { routers: config.swapRouters ?? new Map(), orbyUrl: config.orbyUrl },
    secrets,
    userAudit: userAudit(store, key),
    twoFactor: secondFactor,
    requireTwoFactor: secondFactor.requireTwoFactor,
    attestation: {
      verify: config.appAttest === undefined ? undefined : appAttest(config.appAttest),
      required: config.appAttest?.required === true,
      devices: attestedDevices(store, now),
    },
    buckets: config.buckets,
    spend: async (user, name, what) => {
      const bucket = config.buckets[name]
      return bucket === null ? undefined : spendAllowance(store, bucket, user, now(), what)
    },
    exclusively: claims(store, now),
    random,
    now,
  }
}

/** For `GET /health/ready`. */
export async function checkStore({ store }: Ports): Promise<void> {
  await store.get(ref('health', 'probe'))
}
