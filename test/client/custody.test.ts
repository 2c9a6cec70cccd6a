import { abortStatement, type Presignature } from '@tandem/ecdsa'
import { fromHex, toHex } from '@tandem/wire'
import type { Api } from '../../shared/client/src/api.ts'
import { TandemError } from '../../shared/client/src/errors.ts'
import { walletOf } from '../../shared/client/src/wallet/create-wallet.ts'
import { deleteWallet } from '../../shared/client/src/wallet/custody.ts'
import { createStock } from '../../shared/client/src/wallet/stock.ts'
import { findWallet, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { signAs } from '../helpers/keygen.ts'
import { type PaperKey, paperDevice, paperKey, paperRecord, stageIdOf } from '../helpers/paper-device.ts'

let key: PaperKey
beforeAll(async () => {
  key = await paperKey('custody')
})

const gone = async () => Promise.reject(new TandemError('KEY_DELETED', 'gone'))

/** What is left of a wallet after it is deleted once, where the backend answers like this. */
async function deleted(change: Partial<WalletRecord>, answers: Partial<Api>) {
  const record = paperRecord(key, change)
  const { device, vault } = await paperDevice(record, answers)
  const wallet = walletOf(record)
  const stock = createStock<Presignature>(() => 0)
  const failure: unknown = await deleteWallet(device, stock, wallet).catch((error: unknown) => error)
  return { failure, left: await findWallet(vault, record.keyId) }
}

test('a wallet is erased here only after Sigpair has erased it there', async () => {
  const offline = async () => Promise.reject(new TandemError('NETWORK', 'no answer'))
  expect(await deleted({ stage: null }, { deleteProfile: offline })).toMatchObject({
    failure: expect.objectContaining({ code: 'NETWORK' }) as Error,
    left: { keyId: toHex(key.device.keyId) },
  })
  const done = async () => ({ status: 'deleted' as const, keyId: toHex(key.device.keyId) })
  expect(await deleted({ stage: null }, { deleteProfile: done })).toEqual({ failure: undefined, left: undefined })
})

test('a deletion that was cut off is finished, even with a stage open', async () => {
  const answers = { stage: gone, deleteProfile: gone }
  expect(await deleted({}, answers)).toEqual({ failure: undefined, left: undefined })
})

test('what somebody else owns, or nobody knows, is not taken for deleted', async () => {
  const unknown = async () => Promise.reject(new TandemError('NOT_FOUND', 'not here'))
  const { left } = await deleted({ stage: null }, { deleteProfile: unknown })
  expect(left).toBeDefined()
})

test('the deletion is signed for the epoch in force, which an open stage may have changed', async () => {
  const { keyId } = key.device
  const stageId = stageIdOf(key.next.share)
  const signature = toHex(signAs(2)(abortStatement(fast, { keyId, stageId: fromHex(stageId) })))
  const epochs: number[] = []
  const { failure } = await deleted(
    {},
    {
      stage: async () => ({ fate: 'aborted', aborted: { keyId: toHex(keyId), stageId, signature } }),
      deleteProfile: async (_id, { intent }) => {
        epochs.push(intent.epoch)
        return { status: 'deleted', keyId: toHex(keyId) }
      },
    },
  )
  expect([failure, epochs]).toEqual([undefined, [key.device.epoch]])
})
