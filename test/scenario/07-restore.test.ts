import {
  createRecoveryKit,
  memoryVault,
  type NewBackups,
  type Restore,
  type TandemClient,
  type Vault,
} from '@tandem/client'
import { createAgeIdentity, openAgeFile, sealWithAge } from '@tandem/client/backup'
import { backupAt, pairAt } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { computeAddress, Wallet as EthersWallet } from 'ethers'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { breakingNetwork } from '../helpers/breaking-network.ts'
import { expectSigns, type Owner, ownerOn, shareIn } from '../helpers/owner.ts'
import { ask, startTestStack, type TestStack } from '../helpers/stack.ts'

/** No passphrase: each use of one costs a second, and test/client/backup.test.ts has them. */
const AGE = await createAgeIdentity()
const kit = createRecoveryKit()
const seal = sealWithAge(AGE)

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  await stack.stop()
})

async function profileOf({ user, wallet }: Owner): Promise<Readonly<Record<string, unknown>>> {
  return (await ask(stack, user, 'GET', `/api/v1/profiles/${wallet.profileId}`)).body
}

describe('a device that is lost', () => {
  let owner: Owner
  let file: Uint8Array
  let vault: Vault
  let fresh: TandemClient
  let restore: Restore
  const kept: NewBackups[] = []

  beforeAll(async () => {
    owner = await ownerOn(stack, 'alice')
    const { device, wallet, code } = owner
    await device.backUp(wallet, { encryptionKey: kit.encryptionKey, twoFactorCode: code() })
    file = await device.exportDeviceShare(wallet, seal)
    vault = memoryVault()
    fresh = stack.device('alice', { vault })
  })

  test('is replaced by one that opens its backup: first it asks, and the owner can see that', async () => {
    restore = await fresh.restoreDevice(await openAgeFile(file, AGE), owner.code())
    expect(restore).toMatchObject({ ...owner.wallet, reason: 'device-lost' })
    expect(await profileOf(owner)).toMatchObject({ restore: { restoreId: restore.restoreId, reason: 'device-lost' } })
    expect(await fresh.restores()).toEqual([restore])
    expect(await fresh.wallets()).toEqual([])
    await expect(fresh.signMessage(restore, 'too early')).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
    await expectSigns(owner.device, owner.wallet, 'until then the old one signs')
  })

  test('and is not, if it turns up and cancels', async () => {
    await owner.device.cancelRestore(owner.wallet, restore.restoreId)
    await expect(fresh.finishRestore(restore, { backups: 'waived' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await profileOf(owner)).not.toHaveProperty('restore')
    await expectSigns(owner.device, owner.wallet)
    restore = await fresh.restoreDevice(await openAgeFile(file, AGE), owner.code())
  })

  test('the new one backs up to no recovery key that its owner has not named on it', async () => {
    await expect(fresh.finishRestore(restore, { backups: 'waived' })).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
    expect((await loadWallet(vault, restore.keyId)).stage).toBeNull()
  })

  test('the new one gets shares of its own, and what the lost one holds is dead', async () => {
    const save = async (backups: NewBackups) => void kept.push(backups)
    const { epoch, rotation } = await fresh.finishRestore(restore, {
      backups: { seal, save },
      encryptionKey: kit.encryptionKey,
    })
    expect([epoch, rotation?.reason]).toEqual([1, 'restore'])
    expect(await fresh.wallets()).toEqual([owner.wallet])
    expect(await fresh.restores()).toEqual([])
    await fresh.fillPresignatures(owner.wallet, 1)
    await expectSigns(fresh, owner.wallet)
    await expectSigns(fresh, owner.wallet, 'interactively')
    expect(await profileOf(owner)).toMatchObject({ epoch: 1, keyStatus: 'READY' })

    await expect(owner.device.signMessage(owner.wallet, 'I am back')).rejects.toMatchObject({
      code: expect.stringMatching(/EPOCH_MISMATCH|TICKET_INVALID|FORBIDDEN/) as string,
    })
    const past = await openAgeFile(file, AGE)
    await expect(stack.device('alice').restoreDevice(past, owner.code())).rejects.toMatchObject({ code: 'BACKUP' })
    expect(await fresh.drill(owner.wallet, await openAgeFile(kept[0]!.device, AGE))).toEqual({ epoch: 1 })
  })

  test('a backup of somebody else’s wallet restores nothing', async () => {
    const carol = stack.device('carol', { vault: memoryVault() })
    const content = await openAgeFile(kept[0]!.device, AGE)
    await expect(carol.restoreDevice(content)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('a restore whose network breaks', () => {
  const network = breakingNetwork()

  test('goes on where it can: again after the dialogue, settled after the commit', async () => {
    const owner = await ownerOn(stack, 'erin')
    const content = await openAgeFile(await owner.device.exportDeviceShare(owner.wallet, seal), AGE)
    const vault = memoryVault()
    const fresh = stack.device('erin', { vault, platform: network.platform })
    const restore = await fresh.restoreDevice(content, owner.code())

    for (const when of [{ dialogueAfter: 8 }, { call: /confirm/, when: 'after' as const }]) {
      network.breakAt(when)
      await expect(fresh.finishRestore(restore, { backups: 'waived' })).rejects.toMatchObject({ code: 'NETWORK' })
      network.mend()
      expect(await fresh.wallets()).toEqual([])
    }
    const reopened = stack.device('erin', { vault })
    await reopened.resume()
    expect([await reopened.wallets(), await reopened.restores()]).toEqual([[owner.wallet], []])
    await reopened.fillPresignatures(owner.wallet, 1)
    await expectSigns(reopened, owner.wallet)
    expect(await profileOf(owner)).toMatchObject({ epoch: 1, keyStatus: 'READY' })
  })
})

describe('a Sigpair that lost its share', () => {
  test('gets it back from the owner’s backup, and both get new ones', async () => {
    const owner = await ownerOn(stack, 'bob')
    const { device, wallet, code, vault } = owner
    const backup = await device.backUp(wallet, { encryptionKey: kit.encryptionKey, twoFactorCode: code() })
    const { ssid } = await shareIn(vault, wallet)
    await stack.stores.presignatures.delete(pairAt({ keyId: wallet.keyId, ssid }))
    await expect(device.signMessage(wallet, 'half a key')).rejects.toMatchObject({ code: 'KEY_FROZEN' })
    const hopeless = device.rotateKey(wallet, { backups: 'waived', repair: true, twoFactorCode: code() })
    await expect(hopeless).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })

    const restore = await device.restoreServer(wallet, code())
    await expect(device.finishRestore(restore, { backups: 'waived' })).rejects.toMatchObject({ code: 'BACKUP' })
    const wrong = { encryptedData: backup.encryptedData, dk: createRecoveryKit().dk }
    const refused = device.finishRestore(restore, { backups: 'waived', sigpair: wrong })
    await expect(refused).rejects.toMatchObject({ code: 'BACKUP' })

    const sigpair = { encryptedData: backup.encryptedData, dk: kit.dk }
    const { epoch } = await device.finishRestore(restore, { backups: 'waived', sigpair })
    expect(epoch).toBe(1)
    await device.fillPresignatures(wallet, 1)
    await expectSigns(device, wallet)
    expect(await profileOf(owner)).toMatchObject({ epoch: 1, keyStatus: 'READY' })
    await device.close()
  })
})

describe('a key that leaves', () => {
  let owner: Owner
  beforeAll(async () => {
    owner = await ownerOn(stack, 'dave')
  })

  test('whole, by export: the key of the address, and every status says so for ever', async () => {
    const { device, wallet, code, vault } = owner
    const cancelled = await device.requestExport(wallet, code())
    await device.cancelExport(wallet, cancelled.exportId)
    await expect(device.confirmExport(wallet, cancelled.exportId)).rejects.toMatchObject({ code: 'VAULT' })

    const { exportId } = await device.requestExport(wallet, code())
    expect(await profileOf(owner)).not.toHaveProperty('exportedAt')
    const key = await device.confirmExport(wallet, exportId)
    expect(new EthersWallet(toHex(key.secret)).address).toBe(wallet.address)
    expect(computeAddress(wallet.publicKey)).toBe(wallet.address)
    expect(JSON.stringify(key)).toBe('"[secret]"')
    expect(await profileOf(owner)).toMatchObject({ exportedAt: expect.any(Number) as number })
    expect(await vault.list('export/')).toEqual([])
    await expectSigns(device, wallet)
  })

  test('for ever, by deletion: nothing is left here or there, and its id is refused', async () => {
    const { device, wallet, code, vault, user } = owner
    const { keyId, profileId } = wallet
    const share = await shareIn(vault, wallet)
    await device.deleteWallet(wallet, code())
    await device.deleteWallet(wallet)
    expect(await device.wallets()).toEqual([])
    expect(await vault.list('wallet/')).toEqual([])
    expect(await stack.stores.parties.get(backupAt({ keyId, ssid: share.ssid }, kit.encryptionKey))).toBeUndefined()
    expect((await ask(stack, user, 'GET', `/api/v1/profiles/${profileId}`)).status).toBe(404)
    const stage = `/api/v1/mpc/keys/${keyId}/stages/0x${'00'.repeat(32)}?epoch=1`
    expect((await ask(stack, user, 'GET', stage)).body).toMatchObject({ error: 'KEY_DELETED' })
  })
})
