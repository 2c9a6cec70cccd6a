import {
  createAgeIdentity,
  createRecoveryKit,
  openAgeFile,
  readDeviceShareContent,
  sealWithAge,
} from '@tandem/client/backup'
import { encodeShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import type { Dialogue } from '../../shared/client/src/dialogue/dialogue.ts'
import { backupOf, refreshOnDevice, requireVerified } from '../../shared/client/src/dialogue/dialogue-refresh.ts'
import { legsOf } from '../../shared/client/src/dialogue/legs.ts'
import { DEVICE, SIGPAIR } from '../../shared/client/src/members.ts'
import { sealDeviceShare } from '../../shared/client/src/backup/device-share.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { fast } from '../helpers/backends.ts'
import { type BothBackups, bothBackups } from '../helpers/both-backups.ts'
import { paperDevice, paperKey, paperRecord } from '../helpers/paper-device.ts'

const PASSPHRASE = 'correct horse battery staple'
const platform = defaultPlatform()
const code = (code: string) => expect.objectContaining({ code }) as Error

let ours: BothBackups
beforeAll(async () => {
  ours = await bothBackups('backup', 3)
})

describe('Sigpair’s share', () => {
  test('L7 is kept only if the ciphertext verifies against our own record', async () => {
    const verify = async (encryptedData: Uint8Array, recoveryKey = toHex(ours.ek), share = ours.device) => {
      const entry = { index: SIGPAIR, encryptedData }
      await requireVerified(platform, fast, { share, recoveryKey }, entry)
      return backupOf(fast, { share, recoveryKey }, [entry])
    }
    const { verificationHash, encryptedData } = ours
    expect(await verify(encryptedData)).toMatchObject({ epoch: 3, verificationHash, encryptionKey: toHex(ours.ek) })

    const tampered = encryptedData.with(9_000, (encryptedData[9_000] ?? 0) ^ 1)
    const later = await bothBackups('backup', 4)
    await expect(verify(tampered)).rejects.toThrow(code('ANSWER_REFUSED'))
    await expect(verify(encryptedData.slice(1))).rejects.toThrow(code('ANSWER_REFUSED'))
    await expect(verify(encryptedData, createRecoveryKit().encryptionKey)).rejects.toThrow(code('ANSWER_REFUSED'))
    await expect(verify(encryptedData, toHex(ours.ek), later.device)).rejects.toThrow(code('ANSWER_REFUSED'))
  })

  test('L13 is made for no recovery key but one that the owner named on this device', async () => {
    const key = await paperKey('recovery key')
    const { device } = await paperDevice(paperRecord(key), {})
    const begun = async (recoveryKey: string) => {
      const dialogue = {
        answer: { identity: toHex(ours.ek), stageId: toHex(ours.dk), recoveryKey },
        channel: { send: async () => Promise.reject(new Error('the rounds have begun')) },
        close: () => undefined,
      } as unknown as Dialogue
      return refreshOnDevice(legsOf(DEVICE, new Map([[SIGPAIR, dialogue]]), toHex(ours.dk)), {
        ...{ platform, backend: fast, onProgress: () => undefined, stage: async () => undefined },
        ...{ device: await device.identity(), keys: await device.sigpairKeys(), share: key.device },
        recoveryKeys: [toHex(ours.ek)],
      })
    }
    await expect(begun(createRecoveryKit().encryptionKey)).rejects.toThrow(code('ANSWER_REFUSED'))
    await expect(begun(toHex(ours.ek))).rejects.toThrow('the rounds have begun')
  })
})

describe('the device’s share', () => {
  const encoded = () => encodeShare(fast, ours.device)

  test('comes back from an age file, whatever locks it', async () => {
    const { identity, recipient } = await createAgeIdentity()
    const locks = [
      [{ passphrase: PASSPHRASE }, { passphrase: PASSPHRASE }],
      [{ recipient }, { identity }],
    ] as const
    for (const [lock, key] of locks) {
      const file = await sealDeviceShare(encoded(), sealWithAge(lock))
      const share = readDeviceShareContent(fast, await openAgeFile(file, key))
      expect(encodeShare(fast, share)).toEqual(encoded())
      expect(Buffer.from(file).includes(Buffer.from(ours.device.secret))).toBe(false)
    }
  })

  test('is all there is in the file: a header of five bytes and the share, no pair', async () => {
    const content = await openAgeFile(ours.file, { identity: ours.identity })
    expect(Buffer.from(content.subarray(0, 5)).toString('latin1')).toBe('TDEV\u0001')
    expect(content.subarray(5)).toEqual(encoded())
  })

  test('is overwritten where it was handed over to be sealed', async () => {
    let seen: Uint8Array = new Uint8Array()
    await sealDeviceShare(encoded(), async (content) => {
      seen = content
      return content.slice()
    })
    expect(seen).toEqual(new Uint8Array(5 + encoded().length))
  })

  test('stays closed to another passphrase, another identity, and in a damaged file', async () => {
    const locked = await sealDeviceShare(encoded(), sealWithAge({ passphrase: PASSPHRASE }))
    await expect(openAgeFile(locked, { passphrase: 'another one entirely' })).rejects.toThrow(code('BACKUP'))
    const { identity } = await createAgeIdentity()
    await expect(openAgeFile(ours.file, { identity })).rejects.toThrow(code('BACKUP'))
    await expect(openAgeFile(ours.file, { identity: 'AGE-SECRET-KEY-1' })).rejects.toThrow(code('BACKUP'))
    for (const at of [0, 30, 100, ours.file.length - 1]) {
      const damaged = ours.file.with(at, (ours.file[at] ?? 0) ^ 1)
      await expect(openAgeFile(damaged, { identity: ours.identity })).rejects.toThrow(code('BACKUP'))
    }
  })

  test('a file that asks for more work than a phone has is refused unread', async () => {
    const header = 'age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 19\n'
    const opening = openAgeFile(Uint8Array.from(Buffer.from(header)), { passphrase: PASSPHRASE })
    await expect(opening).rejects.toThrow('too much work')
    await expect(openAgeFile(new Uint8Array(20_000), { passphrase: PASSPHRASE })).rejects.toThrow('too long')
  })

  test('is not locked with a passphrase that is soon guessed, nor for somebody who is nobody', async () => {
    await expect(sealWithAge({ passphrase: 'password' })(encoded())).rejects.toThrow(code('BACKUP'))
    await expect(sealWithAge({ recipient: 'age1nobody' })(encoded())).rejects.toThrow(code('BACKUP'))
  })

  test('is read only from what this version wrote, whole, and only if it is a device’s', () => {
    const content = Uint8Array.from([...Buffer.from('TDEV\u0001', 'latin1'), ...encoded()])
    expect(readDeviceShareContent(fast, content).epoch).toBe(3)
    const sigpairs = Uint8Array.from([...content.subarray(0, 5), ...encodeShare(fast, ours.sigpair)])
    for (const wrong of [
      content.with(4, 2),
      content.slice(0, -1),
      content.with(90, (content[90] ?? 0) ^ 1),
      sigpairs,
    ]) {
      expect(() => readDeviceShareContent(fast, wrong)).toThrow(code('BACKUP'))
    }
  })
})
