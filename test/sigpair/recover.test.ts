import { backupKey, noble, pveDecrypt, pveVerify, shareHolds } from '@tandem/ecdsa'
import { loadIdentity, pairAt, poison, readKey, readStage, rotateKey, SIGPAIR } from '@tandem/sigpair'
import { fromBase64url, toHex } from '@tandem/wire'
import { backUp } from '../../sigpair/src/keys/backup.ts'
import { prepareExport } from '../../sigpair/src/keys/export.ts'
import { createPool, type Pool } from '../../sigpair/src/compute/pool.ts'
import type { ReceiptDeps } from '../../sigpair/src/keys/stage-fate.ts'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import {
  askRestore,
  cancelWith,
  confirmationOf,
  confirmWith,
  dialRecover,
  restoreProof,
  sendShare,
  stageRecover,
  type Survivor,
  survivorOf,
} from '../helpers/recover.ts'
import { OWNER, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import {
  dealWallet,
  dialPresign,
  dialSign,
  generateWallet,
  intentBy,
  makePresignatures,
  playRefresh,
  prepared,
  type Refreshed,
  renewed,
  rotateRequest,
  stageRefresh,
  type Wallet,
} from '../helpers/wallet.ts'
import { exportKey } from './care.ts'

let sigpair: TestSigpair
let pool: Pool
let deps: ReceiptDeps

beforeAll(async () => {
  sigpair = await startTestSigpair()
  pool = createPool({ dialogues: 1, threads: 1 })
  deps = { backend: noble, identity: await loadIdentity(sigpair.stores) }
})
afterAll(async () => {
  await pool.close()
  await sigpair.close()
})

const owner = backupKey(fast, rng)
const viewOf = async ({ keyId }: Pick<Survivor, 'keyId'>) => (await readKey(sigpair.stores, keyId))!
const fateOf = async ({ keyId, share }: Survivor, { stageId }: Refreshed) =>
  (await readStage(sigpair.stores, deps, OWNER, { keyId, stageId, epoch: share.epoch + 1 })).fate
/** A key whose device is gone, and what its owner still has. */
async function deviceLost(): Promise<{ readonly wallet: Wallet; readonly survivor: Survivor }> {
  const wallet = await dealWallet(sigpair)
  return { wallet, survivor: survivorOf(wallet, createDevice(rng)) }
}

async function backup({ keyId, device }: Wallet) {
  const body = { encryptionKey: toHex(owner.ek) }
  const intent = intentBy(device, { op: 'backup', keyId, epoch: 0 }, body)
  return backUp(sigpair.stores, { backend: noble, tasks: pool.shareTasks }, { keyId, owner: OWNER, body, intent })
}

async function signs(wallet: Wallet): Promise<void> {
  const { talk, play } = await dialSign(sigpair, wallet, await prepared(sigpair, wallet), {
    grant: { epoch: wallet.pair.epoch },
  })
  await play()
  talk.stored()
  await talk.done()
}

describe('a lost device', () => {
  test('is replaced: the same key, another epoch, and the old device signs no more', async () => {
    const wallet = await generateWallet(sigpair)
    await makePresignatures(sigpair, wallet, 1)
    const survivor = survivorOf(wallet, createDevice(rng))
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    expect(await viewOf(wallet)).toMatchObject({ status: 'READY', key: { device: wallet.device.cnf } })

    const confirmation = confirmationOf(survivor, restoreId, staged)
    const answer = await confirmWith(sigpair, deps, confirmation)
    expect(answer).toMatchObject({ epoch: 1, rotation: { from: 0, to: 1, reason: 'restore' } })
    expect(answer.publicKey).toBe(toHex(wallet.key.share.publicKey))
    expect(await confirmWith(sigpair, deps, confirmation)).toEqual(answer)
    const { key } = await viewOf(wallet)
    expect(key).toMatchObject({ device: survivor.device.cnf, restore: null, stage: null, opened: null })

    const restored = renewed({ ...wallet, device: survivor.device }, staged)
    expect(shareHolds(fast, restored.key.share)).toBe(true)
    await signs(restored)
    const old = dialPresign(sigpair, wallet, 1, { grant: { epoch: 1 } })
    await expect(old).rejects.toMatchObject({ reason: 'TICKET_INVALID' })
    await expect(dialPresign(sigpair, wallet)).rejects.toMatchObject({ reason: 'EPOCH_MISMATCH' })
  })

  test('L9 cannot be used to confirm, nor can another stage be passed off as the restore’s', async () => {
    const { wallet, survivor } = await deviceLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    const byTheOld = confirmationOf({ ...survivor, device: wallet.device }, restoreId, staged)
    await expect(confirmWith(sigpair, deps, byTheOld)).rejects.toMatchObject({ details: 'intent.signature' })
    const asARotation = rotateRequest(wallet, staged.stageId)
    const rotated = rotateKey(sigpair.stores, deps, { keyId: wallet.keyId, owner: OWNER, ...asARotation })
    await expect(rotated).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    expect(await viewOf(wallet)).toMatchObject({ key: { current: { epoch: 0 }, device: wallet.device.cnf } })

    const own = await stageRefresh(sigpair, wallet)
    const another = confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, own))
    await expect(another).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    expect(await fateOf(survivor, staged)).toBe('aborted')
  })

  test('takes its exports with it: what it asked for, nobody confirms any more', async () => {
    const { wallet, survivor } = await deviceLost()
    const body = { encryptionKey: exportKey(rng).encryptionKey }
    const intent = intentBy(wallet.device, { op: 'export', keyId: wallet.keyId, epoch: 0 }, body)
    await prepareExport(sigpair.stores, { delayMs: 0 }, { keyId: wallet.keyId, owner: OWNER, body, intent })
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    await confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    expect((await viewOf(wallet)).key.exports).toEqual([])
  })

  test('waits for the delay, and the dialogue checks ticket, request and proof before any OT', async () => {
    const { wallet, survivor } = await deviceLost()
    const late = await askRestore(sigpair, survivor, 'device-lost', 86_400_000)
    const early = dialRecover(sigpair, survivor, late.restoreId)
    await expect(early).rejects.toMatchObject({ reason: 'FORBIDDEN' })
    await cancelWith(sigpair, wallet, late.restoreId)
    await expect(dialRecover(sigpair, survivor, late.restoreId)).rejects.toMatchObject({ reason: 'NOT_FOUND' })

    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const stranger = { ...survivor, device: createDevice(rng) }
    const wrong: readonly [string, Parameters<typeof dialRecover>][] = [
      ['NOT_FOUND', [sigpair, survivor, `rst_${'A'.repeat(22)}`]],
      ['NOT_FOUND', [sigpair, stranger, restoreId]],
      ['NOT_FOUND', [sigpair, { ...survivor, device: wallet.device }, restoreId]],
      ['NOT_FOUND', [sigpair, survivor, restoreId, { grant: { sub: 'https://issuer.test|mallory' } }]],
      ['EPOCH_MISMATCH', [sigpair, survivor, restoreId, { grant: { epoch: 1 } }]],
      ['VALIDATION_FAILED', [sigpair, survivor, restoreId, { proof: restoreProof(stranger) }]],
      ['VALIDATION_FAILED', [sigpair, survivor, restoreId, { proof: toHex(new Uint8Array(65)) }]],
      ['TICKET_INVALID', [sigpair, survivor, restoreId, { grant: { op: 'refresh' } }]],
    ]
    for (const [reason, asked] of wrong) await expect(dialRecover(...asked)).rejects.toMatchObject({ reason })
    expect((await viewOf(wallet)).key).toMatchObject({ begun: null, stage: null, opened: null })
    await expect(stageRecover(sigpair, survivor, restoreId)).resolves.toBeDefined()
  })

  test('that cancels in time keeps the key: what the restore staged is aborted and never in force', async () => {
    const { wallet, survivor } = await deviceLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    await cancelWith(sigpair, wallet, restoreId)
    expect(await fateOf(survivor, staged)).toBe('aborted')
    const gone = (await sigpair.stores.presignatures.get(pairAt({ ...wallet.pair, ssid: staged.result.share.ssid })))
      ?.data
    expect(gone).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
    const confirmed = confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    await expect(confirmed).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await makePresignatures(sigpair, wallet, 1)
  })

  test('that cancels while the new one confirms: exactly one wins', async () => {
    for (let round = 0; round < 3; round++) {
      const { wallet, survivor } = await deviceLost()
      const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
      const staged = await stageRecover(sigpair, survivor, restoreId)
      const confirm = async () => confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
      const cancel = async () => cancelWith(sigpair, wallet, restoreId)
      const [confirmed, cancelled] = await Promise.allSettled([confirm(), cancel()])
      expect([confirmed.status, cancelled.status].toSorted()).toEqual(['fulfilled', 'rejected'])
      const { key } = await viewOf(wallet)
      expect(key.current?.epoch).toBe(confirmed.status === 'fulfilled' ? 1 : 0)
      expect(key.device).toEqual((confirmed.status === 'fulfilled' ? survivor : wallet).device.cnf)
      expect(key).toMatchObject({ restore: null, stage: null, opened: null })
    }
  })

  test('of a frozen key is replaced too, and the key signs again', async () => {
    const { wallet, survivor } = await deviceLost()
    await poison(sigpair.stores, wallet.pair)
    expect((await viewOf(wallet)).status).toBe('FROZEN')
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    await confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    expect((await viewOf(wallet)).status).toBe('READY')
    await makePresignatures(sigpair, renewed({ ...wallet, device: survivor.device }, staged), 1)
  })

  test('with a recovery key brings the new backup along, and the confirmation names it', async () => {
    const { wallet, survivor } = await deviceLost()
    await backup(wallet)
    const { restoreId } = await askRestore(sigpair, survivor, 'device-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId)
    expect(staged.backup).toBeDefined()
    const other = { sigpair: toHex(new Uint8Array(32)), device: 'stored' } as const
    const unbacked = confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged, other))
    await expect(unbacked).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
    const { share } = staged.result
    const statement = {
      ...share,
      party: SIGPAIR,
      publicShare: share.publicShares[1]!,
      purpose: 'recovery',
      ek: owner.ek,
    } as const
    expect(atOnce(pveVerify(fast, statement, staged.backup!))).toBe(true)
    expect(pveDecrypt(fast, owner.dk, statement, staged.backup!)).toBeDefined()
  })
})

describe('a lost server share', () => {
  /** Its epoch key is gone: nothing that Sigpair has opens it. */
  async function serverLost() {
    const wallet = await dealWallet(sigpair)
    const { encryptedData } = await backup(wallet)
    await sigpair.stores.presignatures.delete(pairAt(wallet.pair))
    const { share } = wallet.key
    const statement = { ...share, party: SIGPAIR, publicShare: share.publicShares[1]!, purpose: 'recovery' } as const
    const opened = pveDecrypt(fast, owner.dk, statement, fromBase64url(encryptedData))!
    return { wallet, survivor: survivorOf(wallet), opened }
  }

  test('comes back out of the owner’s backup, at once, and the key signs again', async () => {
    const { wallet, survivor, opened } = await serverLost()
    expect((await viewOf(wallet)).status).toBe('STALE')
    await expect(stageRefresh(sigpair, wallet)).rejects.toMatchObject({ reason: 'INVALID_KEY_SHARE' })
    const { restoreId } = await askRestore(sigpair, survivor, 'server-lost', 86_400_000)
    const staged = await stageRecover(sigpair, survivor, restoreId, opened)
    await confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    const restored = renewed(wallet, staged)
    expect(restored.key.share.publicKey).toEqual(wallet.key.share.publicKey)
    expect((await viewOf(wallet)).status).toBe('READY')
    await signs(restored)
  })

  test('L6 is not replaced by another secret than x2, of whatever kind', async () => {
    const { wallet, survivor, opened } = await serverLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'server-lost')
    const wrong = [
      opened.with(31, opened[31]! ^ 1),
      wallet.key.share.secret,
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
    ]
    for (const secret of wrong) {
      const talk = await dialRecover(sigpair, survivor, restoreId)
      sendShare(talk, secret)
      expect(await talk.closed).toMatchObject({ reason: 'INVALID_KEY_SHARE' })
    }
    expect((await viewOf(wallet)).key.stage).toBeNull()
    await stageRecover(sigpair, survivor, restoreId, opened)
  })

  test('must be the first frame, and is taken in no other dialogue', async () => {
    const { survivor, opened } = await serverLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'server-lost')
    const silent = await dialRecover(sigpair, survivor, restoreId)
    void playRefresh(silent, survivor.device, survivor.share).catch(() => {})
    expect(await silent.closed).toMatchObject({ reason: 'FRAME_INVALID' })

    const { survivor: other } = await deviceLost()
    const { restoreId: another } = await askRestore(sigpair, other, 'device-lost')
    const talk = await dialRecover(sigpair, other, another)
    sendShare(talk, opened)
    expect(await talk.closed).toMatchObject({ reason: 'FRAME_INVALID' })
  })

  test('can be brought again after a dialogue that ended half-way, even once something is staged', async () => {
    const { wallet, survivor, opened } = await serverLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'server-lost')
    const first = await dialRecover(sigpair, survivor, restoreId)
    first.leave()
    const lost = await stageRecover(sigpair, survivor, restoreId, opened)
    const staged = await stageRecover(sigpair, survivor, restoreId, opened)
    expect(await fateOf(survivor, lost)).not.toBe('committed')
    await confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    await makePresignatures(sigpair, renewed(wallet, staged), 1)
  })

  test('whose restore is cancelled leaves a stage that nothing puts in force', async () => {
    const { survivor, opened } = await serverLost()
    const { restoreId } = await askRestore(sigpair, survivor, 'server-lost')
    const staged = await stageRecover(sigpair, survivor, restoreId, opened)
    await cancelWith(sigpair, survivor, restoreId)
    const confirmed = confirmWith(sigpair, deps, confirmationOf(survivor, restoreId, staged))
    await expect(confirmed).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const again = await askRestore(sigpair, survivor, 'server-lost')
    const other = confirmWith(sigpair, deps, confirmationOf(survivor, again.restoreId, staged))
    await expect(other).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    const next = await stageRecover(sigpair, survivor, again.restoreId, opened)
    await confirmWith(sigpair, deps, confirmationOf(survivor, again.restoreId, next))
  })

  test('is asked for by the enrolled device alone', async () => {
    const { survivor } = await serverLost()
    const stranger = { ...survivor, device: createDevice(rng) }
    await expect(askRestore(sigpair, stranger, 'server-lost')).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
