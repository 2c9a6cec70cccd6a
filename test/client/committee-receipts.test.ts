import { TandemError } from '@tandem/client'
import { encodePair, encodeShare, type KeyShare, type PairSetup, type Presignature } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { type CommitReceipt, type StageResponse, toHex } from '@tandem/wire'
import type { Api } from '../../shared/client/src/api.ts'
import { checkReceipts } from '../../shared/client/src/wallet/commit.ts'
import { reconcile } from '../../shared/client/src/wallet/reconcile.ts'
import { createStock } from '../../shared/client/src/wallet/stock.ts'
import { rotateKey } from '../../shared/client/src/wallet/rotate.ts'
import {
  type DeviceEpoch,
  loadWallet,
  newPairs,
  type SignedCommit,
  saveWallet,
  type WalletRecord,
} from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { identityOf } from '../helpers/keygen.ts'
import { abortOf, receiptOf, statusOf } from '../helpers/paper-committee.ts'
import { paperDevice } from '../helpers/paper-device.ts'
import { seeded } from '../helpers/rng.ts'

// Two of three members: two receipts put a stage in force, two end it. No rounds here: both epochs are dealt.

const dealt = dealtDeviceKey(fast, 2, 3, seeded('receipts'))
const DEVICE = partyIndex(4)
const { share } = dealt.keys.get(DEVICE)!
const next: KeyShare = { ...share, epoch: 1, conf: seeded('next')(32) }
const nodes = [1, 2, 3].map((index) => ({ exchange: seeded(`x ${index}`)(32), identity: identityOf(index) }))
const keys = { ...nodes[0]!, committee: { threshold: 2, nodes } }
const idOf = ({ epoch }: KeyShare) => toHex(seeded(`stage ${epoch}`)(32))
const stageId = idOf(next)

function epochOf(held: KeyShare, setups: readonly PairSetup[]): DeviceEpoch {
  const pairs = setups.map((setup) => ({ peer: setup.peer, setup: encodePair(fast, setup) }))
  return { epoch: held.epoch, stageId: idOf(held), share: encodeShare(fast, held), pairs }
}

const current = epochOf(share, dealt.setups.get(DEVICE)!)
const commit: SignedCommit = {
  ...{ profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA', stageId },
  backups: { sigpair: 'waived', device: 'waived' },
  intent: {
    ...{ op: 'rotate', keyId: toHex(share.keyId), epoch: 1, bodyHash: stageId },
    ...{ nonce: `0x${'01'.repeat(16)}`, expiry: 4_000_000_000, signature: `0x${'02'.repeat(64)}` },
  },
}
const record: WalletRecord = {
  ...{ keyId: toHex(share.keyId), name: 'Three', profileId: commit.profileId, address: '0x', publicKey: '0x' },
  ...{ current, stage: { ...epochOf(next, []), pairs: current.pairs }, pairs: newPairs(current) },
  ...{ restoring: null, recoveryKeys: [] },
}
const signed = { ...record, commit }

type Entry = NonNullable<StageResponse['nodes']>[number]
const committed = (index: number, signer = index, id = stageId): Entry => ({
  ...{ index, fate: 'committed', committed: receiptOf(signer, next, id) },
})
const aborted = (index: number, signer = index): Entry => ({
  ...{ index, fate: 'aborted', aborted: abortOf(signer, share, stageId), status: statusOf(signer, share, null) },
})
const staged = (index: number, signer = index): Entry => ({
  ...{ index, fate: 'staged', status: statusOf(signer, share, stageId) },
})
const said = (...entries: readonly Entry[]): StageResponse => ({ fate: 'unknown', nodes: [...entries] })

type Answers = { readonly asked: StageResponse; readonly abortion?: StageResponse; readonly rotated?: readonly Entry[] }

/** A device with an open stage, after the members have answered this. */
async function after({ asked, abortion, rotated }: Answers, before: WalletRecord = record) {
  const calls: string[] = []
  const api: Partial<Api> = {
    stage: async () => {
      calls.push('ask')
      return asked
    },
    abortStage: async () => {
      calls.push('abort')
      return abortion ?? asked
    },
    rotateKey: async ({ intent, twoFactorCode }) => {
      calls.push(intent.nonce === commit.intent.nonce ? 'commit' : 'commit anew', ...(twoFactorCode ? ['code'] : []))
      if (rotated === undefined) throw new Error('not now')
      return { nodes: rotated.map(({ index, committed: receipt }) => ({ index, receipt })) } as never
    },
  }
  const { device: paper, vault } = await paperDevice(before, api)
  const device = { ...paper, sigpairKeys: async () => keys }
  const stock = createStock<Presignature>(() => 0)
  const failure: unknown = await reconcile(device, stock, record.keyId).catch((error: unknown) => error)
  return { calls, failure, device, stock, held: await loadWallet(vault, record.keyId) }
}

const inForce = { ...record, current: record.stage, stage: null, pairs: newPairs(current) }
const mismatch = expect.objectContaining({ code: 'EPOCH_MISMATCH' }) as Error

test('a wallet beside a committee survives its encoding, and secrets of it stay bytes', async () => {
  const { vault } = await paperDevice(signed, {})
  expect(await loadWallet(vault, record.keyId)).toEqual(signed)
  const text = Buffer.from((await vault.get(`wallet/${record.keyId}`))!).toString('latin1')
  expect(text).toContain('"v":3')
  expect(text).not.toContain(toHex(share.secret).slice(2))
  for (const length of [4, 100, text.length - 1]) {
    await vault.put(`wallet/${record.keyId}`, Uint8Array.from(Buffer.from(text.slice(0, length), 'latin1')))
    await expect(loadWallet(vault, record.keyId)).rejects.toMatchObject({ code: 'VAULT' })
  }
  await saveWallet(vault, record)
  expect(await loadWallet(vault, record.keyId)).not.toHaveProperty('commit')
})

test('L9 a stage is in force on the receipts of two members, and on nothing less', async () => {
  const { failure, held, calls } = await after({ asked: said(committed(3), committed(1)) }, signed)
  expect([failure, calls, held]).toEqual([undefined, ['ask'], inForce])
  const another = toHex(seeded('another')(32))
  const less: StageResponse[] = [
    said(committed(1)),
    said(committed(1), committed(1)),
    said(committed(1), committed(2, 1)),
    said(committed(1), committed(2, 4)),
    said(committed(1), committed(2, 2, another)),
    said(committed(1), { index: 2, fate: 'committed' }),
    said(committed(1), { index: 31, fate: 'committed', committed: receiptOf(2, next, stageId) }),
    { fate: 'committed', committed: receiptOf(1, next, stageId), nodes: [committed(1)] },
    { fate: 'committed', committed: receiptOf(1, next, stageId) },
  ]
  for (const asked of less) expect(await after({ asked })).toMatchObject({ failure: mismatch, held: record })
})

test('L9 a stage is given up on the abort receipts of two members, and on nothing less', async () => {
  const { failure, held, calls } = await after({ asked: said(aborted(1), aborted(2)) }, signed)
  expect([failure, calls, held]).toEqual([undefined, ['ask'], { ...record, stage: null }])
  for (const asked of [said(aborted(1)), said(aborted(1), aborted(2, 1)), said(aborted(1), aborted(1))]) {
    expect((await after({ asked })).held).toEqual(record)
  }
})

test('a forged entry does not count, and does not spoil those that hold', async () => {
  const forged = committed(2, 1)
  const { held } = await after({ asked: said(forged, committed(1), forged, committed(2), committed(3, 4)) })
  expect(held).toEqual(inForce)
})

test('a stage whose commit was never signed is given up', async () => {
  const { calls, held } = await after({ asked: said(staged(1), staged(2)), abortion: said(aborted(1), aborted(2)) })
  expect([calls, held.stage]).toEqual([['ask', 'abort'], null])
  const unheard = await after({ asked: said(staged(1), staged(2)), abortion: said(aborted(1)) })
  expect([unheard.failure, unheard.held]).toEqual([mismatch, record])
})

test('a stage that too few are there to give up stays open, and does not keep the others from signing', async () => {
  const { device, stock, calls } = await after({ asked: said(), abortion: said() })
  const away = async () => Promise.reject(new TandemError('UNAVAILABLE', 'too few'))
  Object.assign(device.api, { stage: async () => said(staged(1), staged(2)), abortStage: away })
  await expect(reconcile(device, stock, record.keyId)).resolves.toBeUndefined()
  expect([calls, await loadWallet(device.vault, record.keyId)]).toEqual([['ask'], record])
})

test('once its commit was signed no abort is asked for: the commit is repeated, with the same intent while that holds', async () => {
  const asked = said(committed(1), staged(2), staged(3))
  const done = await after({ asked, rotated: [committed(1), committed(2)] }, signed)
  expect([done.calls, done.held]).toEqual([['ask', 'commit'], inForce])
  const old = { ...signed, commit: { ...commit, intent: { ...commit.intent, expiry: 1_000 } } }
  const late = await after({ asked, rotated: [committed(1), committed(2)] }, old)
  expect([late.calls, late.held]).toEqual([['ask', 'commit anew'], inForce])
})

test('a commit that too few have keeps both epochs, and the one that two members sign for goes on', async () => {
  const asked = said(committed(1), staged(2), staged(3))
  const few = await after({ asked, rotated: [committed(1), committed(2, 1)] }, signed)
  expect([few.failure, few.held]).toEqual([undefined, signed])
  const forged = await after({ asked: said(committed(1), staged(2), staged(3, 2)), rotated: [committed(1)] }, signed)
  expect([forged.failure, forged.held]).toEqual([mismatch, signed])
})

test('an owner who rotates again, with a code, ends the commit that was left', async () => {
  const asked = said(committed(1), staged(2), staged(3))
  const { device, stock, calls } = await after({ asked, rotated: [] }, signed)
  calls.length = 0
  Object.assign(device.api, {
    rotateKey: async ({ twoFactorCode }: { twoFactorCode?: unknown }) => {
      calls.push(`code ${String(twoFactorCode)}`)
      const entries = [committed(2), committed(3)].map(({ index, committed: receipt }) => ({ index, receipt }))
      return { nodes: entries }
    },
  })
  const wallet = { ...record, profileId: commit.profileId }
  const renewed = await rotateKey(device, stock, wallet, { backups: 'waived', twoFactorCode: '123456' })
  expect([renewed.epoch, calls]).toEqual([1, ['ask', 'code 123456']])
  expect(await loadWallet(device.vault, record.keyId)).toEqual(inForce)
})

test('L9 a commit’s answer counts with the receipts of two members', () => {
  const stage = record.stage!
  const entry = (index: number, receipt: CommitReceipt) => ({ index, receipt })
  const [one, two] = [1, 2].map((index) => receiptOf(index, next, stageId)) as [CommitReceipt, CommitReceipt]
  expect(() => checkReceipts(fast, keys, stage, { receipt: one, nodes: [entry(1, one), entry(2, two)] })).not.toThrow()
  for (const nodes of [
    undefined,
    [],
    [entry(1, one)],
    [entry(1, one), entry(2, one)],
    [entry(1, one), entry(1, one)],
  ]) {
    const refused = expect.objectContaining({ code: 'ANSWER_REFUSED' }) as Error
    expect(() => checkReceipts(fast, keys, stage, { receipt: one, nodes })).toThrow(refused)
  }
})
