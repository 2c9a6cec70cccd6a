import { encodeShare, TH } from '@tandem/ecdsa'
import { fromHex, type SealedShare, toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { hpkeSeal } from '../../sigpair/src/crypto/hpke.ts'
import { confirmExport, requestExport } from '../../shared/client/src/wallet/export.ts'
import { walletOf } from '../../shared/client/src/wallet/create-wallet.ts'
import { fast } from '../helpers/backends.ts'
import { PAPER_EPOCH, type PaperKey, paperDevice, paperKey, paperRecord } from '../helpers/paper-device.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'

const EXPORT = { exportId: 'exp_AAAAAAAAAAAAAAAAAAAAAA', notBefore: 1, expiresAt: 2 }

let key: PaperKey
beforeAll(async () => {
  key = await paperKey('export')
})

/** What the device makes of it when this is sealed for it, under this epoch. */
async function exported(secret: Uint8Array, epoch = PAPER_EPOCH) {
  let recipient: Uint8Array = new Uint8Array()
  const record = paperRecord(key, { stage: null })
  const { device, vault } = await paperDevice(record, {
    requestExport: async ({ encryptionKey }) => {
      recipient = fromHex(encryptionKey)
      return EXPORT
    },
    confirmExport: async (): Promise<SealedShare> => {
      const info = TH(fast, 'export', key.device.keyId, Uint8Array.of(epoch, 0, 0, 0), Uint8Array.of(2, 0))
      const { enc, ciphertext } = await hpkeSeal(recipient, secret, info)
      return { epoch, publicShare: toHex(key.device.publicShares[1]!), enc: toHex(enc), ciphertext: toHex(ciphertext) }
    },
  })
  const wallet = walletOf(record)
  expect(await requestExport(device, wallet)).toEqual(EXPORT)
  const result = await confirmExport(device, wallet, EXPORT.exportId).catch((error: unknown) => error as Error)
  return { result, left: await vault.list('export/') }
}

test('both halves make the key of the address, and what opened them is erased', async () => {
  const { result, left } = await exported(key.sigpair.secret.slice())
  if (result instanceof Error) throw result
  expect(computeAddress(toHex(result.secret))).toBe(computeAddress(toHex(key.device.publicKey)))
  expect(left).toEqual([])
})

test('anything but Sigpair’s share of this epoch gives nothing, and can be asked for again', async () => {
  const refused = expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error
  const lies: Parameters<typeof exported>[] = [
    [seeded('another share')(32)],
    [key.device.secret.slice()],
    [new Uint8Array(32)],
    [key.sigpair.secret.slice(), PAPER_EPOCH + 1],
  ]
  for (const lie of lies) {
    expect(await exported(...lie)).toEqual({ result: refused, left: [`export/${EXPORT.exportId}`] })
  }
})

test('beside a committee the shares of as many members as sign make the key, whatever another one sent', async () => {
  const dealt = dealtDeviceKey(fast, 2, 3, seeded('export with members'))
  const shares = dealt.signers.map((index) => dealt.keys.get(index)!.share)
  const ours = shares[3]!
  const held = { epoch: 0, stageId: `0x${'01'.repeat(32)}`, share: encodeShare(fast, ours), pairs: [] }
  const record = { ...paperRecord(key, { stage: null }), keyId: toHex(ours.keyId), current: held, pairs: [] }

  const exported = async (members: readonly { readonly index: number; readonly secret: Uint8Array }[]) => {
    let recipient: Uint8Array = new Uint8Array()
    const { device } = await paperDevice(record, {
      requestExport: async ({ encryptionKey }) => {
        recipient = fromHex(encryptionKey)
        return EXPORT
      },
      confirmExport: async (): Promise<SealedShare> => {
        const nodes = members.map(async ({ index, secret }) => {
          const info = TH(fast, 'export', ours.keyId, new Uint8Array(4), Uint8Array.of(index, 0))
          const { enc, ciphertext } = await hpkeSeal(recipient, secret, info)
          const publicShare = toHex(ours.publicShares[index - 1]!)
          return { index, epoch: 0, publicShare, enc: toHex(enc), ciphertext: toHex(ciphertext) }
        })
        const all = await Promise.all(nodes)
        const { index: _, ...first } = all[0]!
        return { ...first, nodes: all }
      },
    })
    await requestExport(device, walletOf(record))
    return confirmExport(device, walletOf(record), EXPORT.exportId)
  }
  const of = (index: number, secret: Uint8Array = shares[index - 1]!.secret.slice()) => ({ index, secret })
  for (const members of [
    [of(1), of(3)],
    [of(1), of(2), of(3)],
    [of(1, seeded('nonsense')(32)), of(2), of(3)],
  ]) {
    const { secret } = await exported(members)
    expect(computeAddress(toHex(secret))).toBe(computeAddress(toHex(ours.publicKey)))
  }
  for (const members of [[of(2)], [of(2), of(2)], [of(2), of(3, shares[0]!.secret.slice())]]) {
    await expect(exported(members)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
  }
})
