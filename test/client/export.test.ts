import { TH } from '@tandem/ecdsa'
import { fromHex, type SealedShare, toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { hpkeSeal } from '../../sigpair/src/crypto/hpke.ts'
import { confirmExport, requestExport } from '../../shared/client/src/wallet/export.ts'
import { walletOf } from '../../shared/client/src/wallet/create-wallet.ts'
import { fast } from '../helpers/backends.ts'
import { PAPER_EPOCH, type PaperKey, paperDevice, paperKey, paperRecord } from '../helpers/paper-device.ts'
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
