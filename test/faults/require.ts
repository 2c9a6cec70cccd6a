import { setTimeout as delay } from 'node:timers/promises'
import { type TandemClient, type Wallet } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import { createLog } from '@tandem/service'
import { type PairRecord, readKey, type Stores } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { verifyMessage } from 'ethers'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { sweepOnce } from '../../sigpair/src/sweep.ts'
import type { FaultWorld } from './world.ts'

/** Of three members; two sign. */
const QUORUMS = [
  [1, 2],
  [1, 3],
  [2, 3],
]

/** A gateway shows a member that was away the same again after five seconds. */
const CATCH_UP_ATTEMPTS = 12

/**
 * Device and Sigpair hold the two halves of the same epoch, the device has no stage open, and no other pair stays; beside a
 * committee every member holds its part of it. What Sigpair alone began or stored is half of nothing: the next dialogue aborts it,
 * or age does. Source: docs/spec/refresh.md 3.1, 3.4; gateway.md 4.6, 5.2.
 *
 * @throws {Error} saying what does not hold
 */
export async function requireOnePair(
  world: FaultWorld,
  vaultFolder: string,
  wallet: Wallet,
  { user, when }: { readonly user: string; readonly when: 'after a crash' | 'at the end' },
): Promise<void> {
  const { keyId } = wallet
  const device = await loadWallet(await fileVault(vaultFolder, world.vaultKey), keyId)
  // Beside a committee a commit that was signed is never given up: it waits for its owner's code, and the epoch in force works.
  const mayWait = world.beside === 'committee' && when === 'after a crash' && device.commit !== undefined
  if (!mayWait) requireEqual('open stage of the device', device.stage?.stageId, undefined)
  for (const [at, stores] of world.stores.entries()) {
    const who = world.beside === 'pair' ? 'Sigpair' : `member ${at + 1}`
    if (world.beside === 'committee') await untilCaughtUp(world, stores, wallet, { user, epoch: device.current?.epoch })
    await sweepOnce(stores, createLog({ name: 'faults', level: 'silent' }))
    const view = await readKey(stores, keyId)
    const current = view?.key.current ?? null
    requireEqual(`status at ${who}`, view?.status, 'READY')
    requireEqual(`stage in force at ${who}`, current && toHex(current.stageId), device.current?.stageId)
    requireEqual(`epoch in force at ${who}`, current?.epoch, device.current?.epoch)

    const { docs } = await stores.presignatures.list<PairRecord>('pairs', { limit: 100, prefix: keyId })
    const lasting = docs
      .filter(({ expireAt }) => expireAt === undefined)
      .map(({ data }) => toHex(data.ssid.slice(0, 32)))
    requireEqual(`pairs that stay at ${who}`, lasting.length, world.beside === 'pair' ? 1 : world.stores.length)
    requireEqual(`epoch of pairs at ${who}`, [...new Set(lasting)].join(), current && toHex(current.ssid))
  }
}

/** A member that missed a commit is shown it at a call about the key. */
async function untilCaughtUp(
  { backend }: FaultWorld,
  stores: Stores,
  { keyId, profileId }: Wallet,
  { user, epoch }: { readonly user: string; readonly epoch: number | undefined },
): Promise<void> {
  for (let attempt = 0; attempt < CATCH_UP_ATTEMPTS; attempt++) {
    if ((await readKey(stores, keyId))?.key.current?.epoch === epoch) return
    await backend.call(user, 'GET', `/api/v1/profiles/${profileId}`)
    await delay(attempt === 0 ? 100 : 1_000)
  }
}

/** Any two members sign with this device, and no two with a copy of what it had before. */
export async function requireEveryQuorum(
  world: FaultWorld,
  vaultFolder: string,
  wallet: Wallet,
  user: string,
): Promise<void> {
  if (world.beside === 'pair') return
  for (const quorum of QUORUMS) {
    const device = await world.device(user, vaultFolder, quorum)
    await requireSignature(device, wallet, `signed by ${quorum.join(' and ')}`)
    await device.close()
  }
}

/** Neither is there anything half done: after what went to its end. */
export async function requireNothingOpen({ stores }: FaultWorld, { keyId }: Wallet): Promise<void> {
  for (const one of stores) {
    const key = (await readKey(one, keyId))?.key
    requireEqual('begun stage of Sigpair', key?.begun, null)
    requireEqual('open stage of Sigpair', key?.stage, null)
  }
}

function requireEqual(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`)
}

/** The two halves of this wallet sign, and there is no other wallet. */
export async function requireWorking(
  world: FaultWorld,
  device: TandemClient,
  wallet: Wallet,
  user: string,
): Promise<void> {
  requireEqual('wallets of the device', (await device.wallets()).length, 1)
  const { body } = await world.backend.call<{ profiles: { keyId: string }[] }>(user, 'GET', '/api/v1/profiles')
  requireEqual('profiles', body.profiles.map(({ keyId }) => keyId).join(), wallet.keyId)

  await requireSignature(device, wallet, 'signed in a dialogue')
}

export async function requirePresigned(device: TandemClient, wallet: Wallet): Promise<void> {
  await device.fillPresignatures(wallet, 1)
  await requireSignature(device, wallet, 'signed with a presignature')
}

async function requireSignature(device: TandemClient, wallet: Wallet, message: string): Promise<void> {
  requireEqual('signer', verifyMessage(message, await device.signMessage(wallet, message)), wallet.address)
}

/** This device holds a share of an epoch that is past: it signs nothing with the Sigpair of today. */
export async function requireDead(device: TandemClient, wallet: Wallet): Promise<void> {
  const attempts = [
    async () => device.signMessage(wallet, 'signed by a dead share'),
    async () => device.fillPresignatures(wallet, 1),
  ]
  for (const attempt of attempts) {
    const outcome = await attempt().then(
      () => 'done',
      (error: { readonly code?: string }) => (error.code === undefined || error.code === 'NETWORK' ? error : 'refused'),
    )
    requireEqual('asked by a dead share', outcome, 'refused')
  }
  await device.close()
}
