import { type Backend, encodePair, encodeShare, type KeyShare, type PairSetup } from '@tandem/ecdsa'
import { memoryVault, type Vault } from '@tandem/client'
import { toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import type { Api } from '../../shared/client/src/api.ts'
import type { Device } from '../../shared/client/src/device.ts'
import { createIdentity, openIdentity } from '../../shared/client/src/identity.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { createStanding } from '../../shared/client/src/standing.ts'
import { type DeviceEpoch, saveWallet, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from './backends.ts'
import { dealtKey } from './dealt-key.ts'
import { identityOf } from './keygen.ts'
import { refreshed } from './refresh.ts'
import { seeded } from './rng.ts'

/** Both halves of one key in two epochs, without any network: what a test says Sigpair answers, the device gets. */
export type PaperKey = {
  readonly device: KeyShare
  readonly sigpair: KeyShare
  readonly next: { readonly share: KeyShare; readonly pairs: readonly PairSetup[] }
}

export const PAPER_EPOCH = 3

/** Party 2's identity is the pinned one. */
export async function paperKey(seed: string): Promise<PaperKey> {
  const dealt = dealtKey(fast, 2, seeded(seed), PAPER_EPOCH)
  const identities = [identityOf(1), identityOf(2)]
  const shares = dealt.signers.map((party) => ({ ...dealt.keys.get(party)!.share, identities }))
  const [next] = await refreshed(shares.map((share) => ({ share })))
  return { device: shares[0]!, sigpair: shares[1]!, next: next! }
}

/** What the device has in its vault while the next epoch is staged. */
export function paperRecord({ device, next }: PaperKey, change: Partial<WalletRecord> = {}): WalletRecord {
  return {
    keyId: toHex(device.keyId),
    name: 'Paper',
    profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA',
    address: computeAddress(toHex(device.publicKey)),
    publicKey: toHex(device.publicKey),
    current: epochOf(fast, device, Uint8Array.of(1, 2, 3)),
    stage: epochOf(fast, next.share, encodePair(fast, next.pairs[0]!)),
    pairs: [{ peer: 2, status: 'ACTIVE', opened: 5, passed: 4 }],
    restoring: null,
    recoveryKeys: [],
    ...change,
  }
}

function epochOf(backend: Backend, share: KeyShare, pair: Uint8Array): DeviceEpoch {
  return {
    epoch: share.epoch,
    stageId: stageIdOf(share),
    share: encodeShare(backend, share),
    pairs: [{ peer: 2, setup: pair }],
  }
}

export function stageIdOf({ epoch }: KeyShare): string {
  return toHex(seeded(`stage ${epoch}`)(32))
}

/** A device with this one wallet, for which `api` answers. A call that a test has not foreseen fails it. */
export async function paperDevice(
  record: WalletRecord,
  api: Partial<Api>,
): Promise<{ readonly device: Device; readonly vault: Vault }> {
  const vault = memoryVault()
  await saveWallet(vault, record)
  const identity = openIdentity(createIdentity(seeded('device')))
  const device: Device = {
    platform: defaultPlatform(),
    backend: fast,
    vault,
    api: api as Api,
    onProgress: () => undefined,
    identity: async () => identity,
    sigpairKeys: async () => ({ exchange: new Uint8Array(32), identity: identityOf(2) }),
    exclusively: async (_keyId, act) => act(),
    renewing: new Set(),
    standing: createStanding(() => 0),
  }
  return { device, vault }
}
