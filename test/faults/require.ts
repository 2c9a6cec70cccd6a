import { type TandemClient, type Wallet } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import { createLog } from '@tandem/service'
import { type PairRecord, readKey } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { verifyMessage } from 'ethers'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { sweepOnce } from '../../sigpair/src/sweep.ts'
import type { FaultWorld } from './world.ts'

/**
 * Device and Sigpair hold the two halves of the same epoch, the device has no stage open, and no other pair stays. What Sigpair
 * alone began or stored is half of nothing: the next dialogue aborts it, or age does. Source: docs/spec/refresh.md 3.1, 3.4.
 *
 * @throws {Error} saying what does not hold
 */
export async function requireOnePair(world: FaultWorld, vaultFolder: string, { keyId }: Wallet): Promise<void> {
  await sweepOnce(world.stores, createLog({ name: 'faults', level: 'silent' }))
  const view = await readKey(world.stores, keyId)
  const current = view?.key.current ?? null
  const device = await loadWallet(await fileVault(vaultFolder, world.vaultKey), keyId)
  requireEqual('status', view?.status, 'READY')
  requireEqual('stage in force at Sigpair', current && toHex(current.stageId), device.current?.stageId)
  requireEqual('epoch in force at Sigpair', current?.epoch, device.current?.epoch)
  requireEqual('open stage of the device', device.stage?.stageId, undefined)

  const { docs } = await world.stores.presignatures.list<PairRecord>('pairs', { limit: 100, prefix: keyId })
  const lasting = docs.filter(({ expireAt }) => expireAt === undefined).map(({ data }) => toHex(data.ssid))
  requireEqual('pairs that stay', lasting.join(), current && toHex(current.ssid))
}

/** Neither is there anything half done: after what went to its end. */
export async function requireNothingOpen(world: FaultWorld, { keyId }: Wallet): Promise<void> {
  const key = (await readKey(world.stores, keyId))?.key
  requireEqual('begun stage of Sigpair', key?.begun, null)
  requireEqual('open stage of Sigpair', key?.stage, null)
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
