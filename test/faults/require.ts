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
 * Device and Sigpair hold the two halves of the same epoch, nothing is open on either side, and of no other epoch is there
 * anything left that could sign.
 *
 * @throws {Error} saying what does not hold
 */
export async function requireOnePair(world: FaultWorld, vaultFolder: string, { keyId }: Wallet): Promise<void> {
  await sweepOnce(world.stores, createLog({ name: 'faults', level: 'silent' }))
  const view = await readKey(world.stores, keyId)
  const device = await loadWallet(await fileVault(vaultFolder, world.vaultKey), keyId)
  requireEqual('status', view?.status, 'READY')
  requireEqual(
    'stage in force at Sigpair',
    view?.key.current && toHex(view.key.current.stageId),
    device.current?.stageId,
  )
  requireEqual('epoch in force at Sigpair', view?.key.current?.epoch, device.current?.epoch)
  requireEqual('open stage of the device', device.stage, null)
  requireEqual('open stage of Sigpair', view?.key.stage, null)
  requireEqual('begun stage of Sigpair', view?.key.begun, null)

  const { docs } = await world.stores.presignatures.list<PairRecord>('pairs', { limit: 100, prefix: keyId })
  const living = docs.filter(({ data }) => data.status !== 'RETIRED').map(({ data }) => toHex(data.ssid))
  requireEqual('pairs that are alive', living.join(), view?.key.current && toHex(view.key.current.ssid))
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
