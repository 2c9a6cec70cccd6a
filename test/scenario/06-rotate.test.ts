import { createRecoveryKit, type NewBackups } from '@tandem/client'
import {
  createAgeIdentity,
  openAgeFile,
  openSigpairBackup,
  readDeviceShareContent,
  sealWithAge,
} from '@tandem/client/backup'
import { toHex } from '@tandem/wire'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { type Break, breakingNetwork } from '../helpers/breaking-network.ts'
import { expectSigns, type Owner, ownerOn, shareIn } from '../helpers/owner.ts'
import { ask, platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'

/** No passphrase: each use of one costs a second, and test/client/backup.test.ts has them. */
const AGE = await createAgeIdentity()
const ROTATE = /POST .*rotate-key/
const kit = createRecoveryKit()

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(async () => {
  await stack.stop()
})

/** A backend that changes one character of Sigpair's backup, and is otherwise itself. */
const flipInBackup: Parameters<typeof platformWith>[0] = async (url, request, pass) => {
  const answer = await pass(url, request)
  if (!url.endsWith('/mpc/backup')) return answer
  const text = (await answer.text()).replace(
    /"encryptedData":"(.)/,
    (_, first) => `"encryptedData":"${first === 'A' ? 'B' : 'A'}`,
  )
  return { status: answer.status, text: async () => text }
}

async function profileOf({ user, wallet }: Owner): Promise<Readonly<Record<string, unknown>>> {
  return (await ask(stack, user, 'GET', `/api/v1/profiles/${wallet.profileId}`)).body
}

/** The wallet works, in this epoch, with nothing left open. */
async function expectInForce({ vault, device, wallet, ...owner }: Owner, epoch: number): Promise<void> {
  await device.resume()
  await expectSigns(device, wallet)
  await device.fillPresignatures(wallet, 1)
  await expectSigns(device, wallet, 'with a presignature')
  const { current, stage } = await loadWallet(vault, wallet.keyId)
  expect([current?.epoch, stage]).toEqual([epoch, null])
  expect(await profileOf({ vault, device, wallet, ...owner })).toMatchObject({ epoch, keyStatus: 'READY' })
}

describe('a wallet that is rotated', () => {
  let owner: Owner
  const kept: NewBackups[] = []
  let older: Uint8Array

  beforeAll(async () => {
    owner = await ownerOn(stack, 'alice')
  })

  test('keeps its address and gets new shares; presignatures of the old epoch are gone', async () => {
    const { device, wallet, vault, code } = owner
    const old = await shareIn(vault, wallet)
    await device.fillPresignatures(wallet, 2)
    const { epoch, rotation } = await device.rotateKey(wallet, { backups: 'waived', twoFactorCode: code() })

    expect(epoch).toBe(1)
    expect(rotation).toMatchObject({
      keyId: wallet.keyId,
      publicKey: wallet.publicKey,
      from: 0,
      to: 1,
      reason: 'refresh',
    })
    expect(device.presignaturesInStock(wallet)).toBe(0)
    const fresh = await shareIn(vault, wallet)
    expect(toHex(fresh.publicKey)).toBe(wallet.publicKey)
    expect(toHex(fresh.secret)).not.toBe(toHex(old.secret))
    expect(fresh.publicShares).not.toEqual(old.publicShares)
    await expectInForce(owner, 1)
  })

  test('hands out a backup of Sigpair’s share that opens, and has it again after every rotation', async () => {
    const { device, wallet, vault, code } = owner
    const backup = await device.backUp(wallet, { encryptionKey: kit.encryptionKey, twoFactorCode: code() })
    expect(backup.epoch).toBe(1)
    expect(await profileOf(owner)).toMatchObject({
      recoveryKey: kit.encryptionKey,
      backup: { verificationHash: backup.verificationHash },
    })
    const opened = openSigpairBackup(fast, await shareIn(vault, wallet), {
      encryptedData: backup.encryptedData,
      dk: kit.dk,
    })
    expect(opened).toHaveLength(32)

    const lying = stack.device('alice', { vault, platform: platformWith(flipInBackup) })
    const asked = { encryptionKey: kit.encryptionKey, twoFactorCode: code() }
    await expect(lying.backUp(wallet, asked)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })

    older = await device.exportDeviceShare(wallet, sealWithAge(AGE))
    const save = async (backups: NewBackups) => void kept.push(backups)
    const rotated = await device.rotateKey(wallet, {
      backups: { seal: sealWithAge(AGE), save },
      twoFactorCode: code(),
    })
    expect(kept).toHaveLength(1)
    const [{ sigpair, device: file } = { sigpair: undefined, device: new Uint8Array() }] = kept
    expect(sigpair).toEqual(rotated.backup)
    expect(sigpair).toMatchObject({ epoch: 2, encryptionKey: kit.encryptionKey })
    expect(await profileOf(owner)).toMatchObject({ backup: { verificationHash: sigpair?.verificationHash } })
    const inFile = readDeviceShareContent(fast, await openAgeFile(file, AGE))
    const held = await shareIn(vault, wallet)
    expect(toHex(inFile.secret)).toBe(toHex(held.secret))
    expect(openSigpairBackup(fast, held, { encryptedData: sigpair!.encryptedData, dk: kit.dk })).toHaveLength(32)
    await expectInForce(owner, 2)
  })

  test('passes a drill with its newest backup, and with no older one', async () => {
    const { device, wallet } = owner
    const content = await openAgeFile(kept[0]!.device, AGE)
    expect(await device.drill(wallet, content)).toEqual({ epoch: 2 })
    const past = device.drill(wallet, await openAgeFile(older, AGE))
    await expect(past).rejects.toThrow('This backup is of epoch 1, the wallet is in epoch 2')
    const another = await device.createWallet('Another')
    await expect(device.drill(another, content)).rejects.toMatchObject({ code: 'BACKUP' })
  })

  test('is as it was when the app cannot keep the new backups', async () => {
    const { device, wallet } = owner
    const save = async () => {
      throw new Error('the disk is full')
    }
    const rotating = device.rotateKey(wallet, { backups: { seal: sealWithAge(AGE), save } })
    await expect(rotating).rejects.toThrow('the disk is full')
    await expectInForce(owner, 2)
  })

  test('is as it was without a second factor', async () => {
    const { device, wallet } = owner
    await expect(device.rotateKey(wallet, { backups: 'waived' })).rejects.toMatchObject({ code: 'TWO_FACTOR_REQUIRED' })
    await expectInForce(owner, 2)
  })

  test('signs with its presignatures while the app keeps the backups', async () => {
    const { device, wallet, code } = owner
    await device.fillPresignatures(wallet, 2)
    const save = async () => expectSigns(device, wallet, 'meanwhile')
    await device.rotateKey(wallet, { backups: { seal: sealWithAge(AGE), save }, twoFactorCode: code() })
    await expectInForce(owner, 3)
  })

  test('signs from another instance of the app, whose presignatures are of the old epoch', async () => {
    const { device, wallet, vault, code } = await ownerOn(stack, 'carol')
    const other = stack.device('carol', { vault })
    await other.fillPresignatures(wallet, 2)
    await device.rotateKey(wallet, { backups: 'waived', twoFactorCode: code() })
    await expectSigns(other, wallet)
    expect(other.presignaturesInStock(wallet)).toBe(0)
    await other.close()
  })

  test('is frozen by any session, and a rotation with repair starts it again', async () => {
    const { device, wallet, code } = owner
    expect(await device.freeze(wallet, code())).toMatchObject({ keyStatus: 'FROZEN' })
    await expect(device.signMessage(wallet, 'no')).rejects.toMatchObject({ code: 'KEY_FROZEN' })
    const { rotation } = await device.rotateKey(wallet, { backups: 'waived', twoFactorCode: code(), repair: true })
    expect(rotation).toMatchObject({ reason: 'repair' })
    await expectInForce(owner, 4)
  })
})

describe('a rotation whose network breaks', () => {
  const network = breakingNetwork()
  let owner: Owner
  let epoch = 0

  beforeAll(async () => {
    owner = await ownerOn(stack, 'bob', { platform: network.platform })
    await owner.device.backUp(owner.wallet, { encryptionKey: kit.encryptionKey, twoFactorCode: owner.code() })
  })
  afterEach(network.mend)

  /** What goes wrong, and the messages that came in dialogues meanwhile. */
  async function rotateBroken(where: Break, twoFactorCode?: string): Promise<{ code: unknown; heard: number }> {
    network.breakAt(where)
    const rotating = owner.device.rotateKey(owner.wallet, { backups: 'waived', twoFactorCode })
    const code = await rotating.then(
      () => 'none',
      (error: { readonly code?: unknown }) => error.code,
    )
    const heard = network.heard()
    network.mend()
    return { code, heard }
  }

  test('before the dialogue: nothing has happened', async () => {
    expect(await rotateBroken({ call: /POST .*tickets/, when: 'after' })).toMatchObject({ code: 'NETWORK' })
    await expectInForce(owner, epoch)
  })

  // `npm run test:faults` breaks it after every one.
  test('after a message of the dialogue: the stage, if there is one, is given up on its receipt', async () => {
    let all = false
    for (let messages = 0; !all; messages += 3) {
      const { code, heard } = await rotateBroken({ dialogueAfter: messages })
      all = heard <= messages
      if (!all) expect(code).toBe('NETWORK')
      await owner.device.resume()
      const { current, stage } = await loadWallet(owner.vault, owner.wallet.keyId)
      expect([messages, current?.epoch, stage]).toEqual([messages, epoch, null])
      expect(messages).toBeLessThan(20)
    }
    await expectInForce(owner, epoch)
  })

  test('before the commit arrives: the stage is given up on its receipt', async () => {
    expect(await rotateBroken({ call: ROTATE, when: 'before' }, owner.code())).toMatchObject({ code: 'NETWORK' })
    expect((await loadWallet(owner.vault, owner.wallet.keyId)).stage).not.toBeNull()
    await expectInForce(owner, epoch)
  })

  test('after the commit arrived: the new epoch is in force, and the old share is erased only then', async () => {
    const before = await shareIn(owner.vault, owner.wallet)
    expect(await rotateBroken({ call: ROTATE, when: 'after' }, owner.code())).toMatchObject({ code: 'NETWORK' })
    const { current, stage } = await loadWallet(owner.vault, owner.wallet.keyId)
    expect([current?.epoch, stage?.epoch]).toEqual([epoch, epoch + 1])
    expect(toHex((await shareIn(owner.vault, owner.wallet)).secret)).toBe(toHex(before.secret))
    await expectInForce(owner, ++epoch)
  })

  test('and the app dies: the next start settles it', async () => {
    await rotateBroken({ call: ROTATE, when: 'after' }, owner.code())
    const device = stack.device('bob', { vault: owner.vault })
    await expectInForce({ ...owner, device }, ++epoch)
    await device.close()
  })

  test('signs nothing while it is not known which epoch is in force', async () => {
    await rotateBroken({ call: ROTATE, when: 'after' }, owner.code())
    network.breakAt({ call: /stages/, when: 'before' })
    await expect(owner.device.signMessage(owner.wallet, 'which?')).rejects.toMatchObject({ code: 'NETWORK' })
    network.mend()
    await expectInForce(owner, ++epoch)
  })
})
