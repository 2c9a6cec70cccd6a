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
 * Device and Sigpair hold the two halves of the same epoch, no stage is stored on either side, and of no other epoch is there
 * a share, or a pair that stays. (What Sigpair began and neither side has stored is a name, and a pair that was made for it
 * dies of age: refresh.md 3.1, storage.md 3.2.)
 *
 * @throws {Error} saying what does not hold
 */
export async function requireOnePair(world: FaultWorld, vaultFolder: string, { keyId }: Wallet): Promise<void> {
  await sweepOnce(world.stores, createLog({ name: 'faults', level: 'silent' }))
  const view = await readKey(world.stores, keyId)
  const { current, stage } = view?.key ?? { current: null, stage: null }
  const device = await loadWallet(await fileVault(vaultFolder, world.vaultKey), keyId)
  requireEqual('status', view?.status, 'READY')
  requireEqual('stage in force at Sigpair', current && toHex(current.stageId), device.current?.stageId)
  requireEqual('epoch in force at Sigpair', current?.epoch, device.current?.epoch)
  requireEqual('open stage of the device', device.stage?.stageId, undefined)
  requireEqual('open stage of Sigpair', stage && toHex(stage.held.stageId), null)

  const { docs } = await world.stores.presignatures.list<PairRecord>('pairs', { limit: 100, prefix: keyId })
  const lasting = docs.filter(({ expireAt }) => expireAt === undefined).map(({ data }) => toHex(data.ssid))
  requireEqual('pairs that stay', lasting.join(), current && toHex(current.ssid))
}

function requireEqual(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`)
}

/** The two halves of this wallet sign, with and without a presignature, and there is no other wallet. */
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
    const refused = await attempt().then(
      () => false,
      () => true,
    )
    requireEqual('refused to a dead share', refused, true)
  }
  await device.close()
}
