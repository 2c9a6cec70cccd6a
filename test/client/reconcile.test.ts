import { abortStatement, commitStatement, type KeyShare, type Presignature, statusStatement } from '@tandem/ecdsa'
import {
  type AbortReceipt,
  type CommitReceipt,
  type EpochStatus,
  fromHex,
  type StageResponse,
  toHex,
} from '@tandem/wire'
import { reconcile, settleStage } from '../../shared/client/src/wallet/reconcile.ts'
import { createStock } from '../../shared/client/src/wallet/stock.ts'
import { loadWallet, newPairs, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { signAs } from '../helpers/keygen.ts'
import { type PaperKey, paperDevice, paperKey, paperRecord, stageIdOf } from '../helpers/paper-device.ts'
import { seeded } from '../helpers/rng.ts'

let key: PaperKey
let record: WalletRecord
beforeAll(async () => {
  key = await paperKey('reconcile')
  record = paperRecord(key)
})

/** Who signs: 2 is the pinned Sigpair. */
type By = { readonly signer?: number; readonly stageId?: string }

function committed({ signer = 2, stageId = stageIdOf(key.next.share) }: By = {}): CommitReceipt {
  const { keyId, epoch, conf } = key.next.share
  const statement = commitStatement(fast, { keyId, stageId: fromHex(stageId), epoch, conf })
  return { keyId: toHex(keyId), stageId, epoch, conf: toHex(conf), signature: toHex(signAs(signer)(statement)) }
}

function aborted({ signer = 2, stageId = stageIdOf(key.next.share) }: By = {}): AbortReceipt {
  const { keyId } = key.next.share
  const statement = abortStatement(fast, { keyId, stageId: fromHex(stageId) })
  return { keyId: toHex(keyId), stageId, signature: toHex(signAs(signer)(statement)) }
}

function status({ keyId, epoch, ssid }: KeyShare, signer = 2): EpochStatus {
  const statement = statusStatement(fast, { keyId, epoch, ssid, staged: null })
  return { keyId: toHex(keyId), epoch, ssid: toHex(ssid), staged: null, signature: toHex(signAs(signer)(statement)) }
}

/** A device with an open stage, after Sigpair has answered this. */
async function after(answers: { readonly asked: StageResponse; readonly abortion?: StageResponse }) {
  const calls: string[] = []
  const { device, vault } = await paperDevice(record, {
    stage: async ({ epoch }) => {
      calls.push(`ask ${epoch}`)
      return answers.asked
    },
    abortStage: async ({ epoch }) => {
      calls.push(`abort ${epoch}`)
      return answers.abortion ?? answers.asked
    },
  })
  const stock = createStock<Presignature>(() => 0)
  stock.put(record.keyId, [{ id: 'one', value: { epoch: 3 } as Presignature }])
  const failure: unknown = await reconcile(device, stock, record.keyId).catch((error: unknown) => error)
  return { calls, failure, stock: stock.size(record.keyId), held: await loadWallet(vault, record.keyId) }
}

const refused = expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error

test('L9 `committed` puts the stage in force on Sigpair’s receipt, and presignatures of the old epoch are gone', async () => {
  const { calls, failure, held, stock } = await after({ asked: { fate: 'committed', committed: committed() } })
  expect([calls, failure, stock]).toEqual([['ask 4'], undefined, 0])
  expect(held).toEqual({ ...record, current: record.stage, stage: null, pairs: newPairs(record.stage!) })
})

test('L9 `aborted` erases the stage on Sigpair’s receipt, and nothing else', async () => {
  const { failure, held, stock } = await after({ asked: { fate: 'aborted', aborted: aborted() } })
  expect([failure, stock]).toEqual([undefined, 1])
  expect(held).toEqual({ ...record, stage: null })
})

test('L9 nothing is erased without a receipt, on another’s, or on one for another stage', async () => {
  const another = toHex(seeded('another stage')(32))
  const answers: StageResponse[] = [
    { fate: 'committed' },
    { fate: 'committed', committed: committed({ signer: 1 }) },
    { fate: 'committed', committed: committed({ stageId: another }) },
    { fate: 'committed', aborted: aborted() },
    { fate: 'aborted' },
    { fate: 'aborted', aborted: aborted({ signer: 1 }) },
    { fate: 'aborted', aborted: aborted({ stageId: another }) },
    { fate: 'aborted', committed: committed() },
  ]
  for (const asked of answers) {
    expect(await after({ asked })).toMatchObject({ failure: refused, held: record, stock: 1 })
  }
})

test('a stage that still waits is given up, and its receipt decides', async () => {
  const staged: StageResponse = { fate: 'staged', status: status(key.device) }
  const gone = await after({ asked: staged, abortion: { fate: 'aborted', aborted: aborted() } })
  expect([gone.calls, gone.held.stage]).toEqual([['ask 4', 'abort 4'], null])
  const late = await after({ asked: staged, abortion: { fate: 'committed', committed: committed() } })
  expect(late.held.current?.epoch).toBe(4)
})

test('on `unknown` both epochs stay, and the one that the signed status names goes on', async () => {
  const { failure, held, stock } = await after({ asked: { fate: 'unknown', status: status(key.device) } })
  expect([failure, held, stock]).toEqual([undefined, record, 1])
})

test('L3 nothing is signed if the status names another epoch, or none', async () => {
  const mismatch = expect.objectContaining({ code: 'EPOCH_MISMATCH' }) as Error
  for (const asked of [{ fate: 'unknown' as const, status: status(key.next.share) }, { fate: 'unknown' as const }]) {
    expect(await after({ asked })).toMatchObject({ failure: mismatch, held: record })
  }
})

test('a status that Sigpair has not signed names nothing', async () => {
  const asked: StageResponse = { fate: 'unknown', status: status(key.device, 1) }
  expect(await after({ asked })).toMatchObject({ failure: refused, held: record })
})

test('presignatures of an epoch that is past are forgotten before anything is signed', async () => {
  const { device } = await paperDevice({ ...record, stage: null }, {})
  const stock = createStock<Presignature>(() => 0)
  const made = [2, 3].map((epoch) => ({ id: `of ${epoch}`, value: { epoch } as Presignature }))
  stock.put(record.keyId, made)
  await settleStage(device, stock, record.keyId)
  expect(stock.ids(record.keyId)).toEqual(['of 3'])
})

test('nobody is asked about a stage that is being made here, or about a wallet without one', async () => {
  const stock = createStock<Presignature>(() => 0)
  const rotating = await paperDevice(record, {})
  rotating.device.renewing.add(record.keyId)
  await settleStage(rotating.device, stock, record.keyId)
  const quiet = await paperDevice({ ...record, stage: null }, {})
  await settleStage(quiet.device, stock, record.keyId)
  expect(await loadWallet(rotating.vault, record.keyId)).toEqual(record)
})
