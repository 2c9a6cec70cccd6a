import { ed25519 } from '@noble/curves/ed25519.js'
import {
  backupHash,
  backupKey,
  backupStatement,
  combineShares,
  commitStatement,
  decodeShare,
  noble,
  pveDecrypt,
  pveVerify,
} from '@tandem/ecdsa'
import { keyId as asKeyId } from '@tandem/rounds'
import {
  keyAt,
  loadIdentity,
  openShare,
  poison,
  readKey,
  recordFailure,
  rotateKey,
  SIGPAIR,
  type SigpairIdentity,
} from '@tandem/sigpair'
import { ERRORS, fromHex, toHex } from '@tandem/wire'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import { dial, OWNER, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import {
  dealWallet,
  dialPresign,
  dialSign,
  generateWallet,
  makePresignatures,
  pairRecord,
  playPresign,
  playRefresh,
  prepared,
  type Refreshed,
  renewed,
  rotateRequest,
  stageRefresh,
  type Wallet,
} from '../helpers/wallet.ts'

// Rotation of a key between a device and the real Sigpair, over a socket.

let sigpair: TestSigpair
let identity: SigpairIdentity

beforeAll(async () => {
  sigpair = await startTestSigpair()
  identity = await loadIdentity(sigpair.stores)
})
afterAll(async () => sigpair.close())

const viewOf = async ({ keyId }: Pick<Wallet, 'keyId'>) => (await readKey(sigpair.stores, keyId))!

async function rotate(wallet: Wallet, { stageId }: Refreshed, change: Parameters<typeof rotateRequest>[2] = {}) {
  const request = rotateRequest(wallet, stageId, change)
  return rotateKey(sigpair.stores, { backend: noble, identity }, { keyId: wallet.keyId, owner: OWNER, ...request })
}

async function signs(wallet: Wallet): Promise<void> {
  const { talk, play } = await dialSign(sigpair, wallet, await prepared(sigpair, wallet))
  await play()
  talk.stored()
  await talk.done()
}

/** As the backup endpoint leaves it. */
async function enrol({ keyId }: Pick<Wallet, 'keyId'>, ek: Uint8Array): Promise<void> {
  const { parties } = sigpair.stores
  const doc = (await parties.get(keyAt(keyId)))!
  const recoveryKey = { current: toHex(ek), pending: null }
  await parties.update(keyAt(keyId), { ...doc.data, recoveryKey }, { ifVersion: doc.version })
}

test('a key is rotated: same public key, next epoch, and it signs before, meanwhile and after', async () => {
  const wallet = await generateWallet(sigpair)
  await makePresignatures(sigpair, wallet, 2)
  const staged = await stageRefresh(sigpair, wallet)
  expect(await viewOf(wallet)).toMatchObject({ status: 'READY', key: { stage: { acknowledged: true } } })
  await signs(wallet)
  await makePresignatures(sigpair, wallet, 1)

  const { epoch, publicKey, receipt, rotation } = await rotate(wallet, staged)
  const next = renewed(wallet, staged)
  const { conf, ...share } = next.key.share
  expect({ epoch, publicKey }).toEqual({ epoch: 1, publicKey: toHex(wallet.key.share.publicKey) })
  expect(rotation).toMatchObject({ from: 0, to: 1, reason: 'refresh', publicKey: toHex(share.publicKey) })
  const statement = commitStatement(noble, {
    ...{ keyId: asKeyId(fromHex(wallet.keyId)), stageId: staged.stageId, epoch: 1, conf },
  })
  expect(ed25519.verify(fromHex(receipt.signature), statement, fromHex(toHex(share.identities[1]!)))).toBe(true)
  expect(await viewOf(wallet)).toMatchObject({ status: 'READY', key: { current: { epoch: 1 }, stage: null } })
  await makePresignatures(sigpair, next, 1)
  await signs(next)
})

test('a key is rotated again and again', async () => {
  let wallet = await dealWallet(sigpair)
  for (const epoch of [1, 2, 3]) {
    const staged = await stageRefresh(sigpair, wallet)
    expect(await rotate(wallet, staged)).toMatchObject({ epoch, rotation: { from: epoch - 1, to: epoch } })
    wallet = renewed(wallet, staged)
  }
  await signs(wallet)
})

test('L12 with a recovery key the dialogue brings a backup of the new share, and the commit must confirm it', async () => {
  const wallet = await dealWallet(sigpair)
  const { dk, ek } = backupKey(fast, rng)
  await enrol(wallet, ek)
  const staged = await stageRefresh(sigpair, wallet)
  const { share } = staged.result
  const statement = backupStatement(share, { party: SIGPAIR, purpose: 'recovery', ek })
  expect(atOnce(pveVerify(fast, statement, staged.backup!))).toBe(true)
  const hash = toHex(backupHash(noble, staged.backup!))

  const backed = async (sigpairs: string) =>
    rotate(wallet, staged, { backups: { sigpair: sigpairs, device: 'stored' } })
  await expect(backed(toHex(rng(32)))).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  await expect(backed(hash)).resolves.toMatchObject({ epoch: 1 })

  const x2 = pveDecrypt(fast, dk, statement, staged.backup!)!
  const { current } = (await viewOf(wallet)).key
  const theirs = decodeShare(fast, await openShare(sigpair.stores, wallet.keyId, current!))
  expect(x2).toEqual(theirs.secret)
  expect(combineShares(fast, [share, theirs]).publicKey).toEqual(wallet.key.share.publicKey)
})

test('a waiver is enough, and it is in the log', async () => {
  const wallet = await dealWallet(sigpair)
  await enrol(wallet, backupKey(fast, rng).ek)
  await rotate(wallet, await stageRefresh(sigpair, wallet))
  const lines = await sigpair.stores.presignatures.list<{ readonly entry: string }>('audit', {
    prefix: `${wallet.keyId}:`,
    limit: 100,
  })
  const entries = lines.docs.map(({ data }) => JSON.parse(data.entry) as { methodName: string; metadata: object })
  expect(entries.map(({ methodName }) => methodName)).toEqual(
    expect.arrayContaining([
      'rotate.begin',
      'rotate.stage',
      'rotate.backup',
      'rotate.complete',
      'key.rotate',
      'key.retire',
    ]),
  )
  const { metadata } = entries.find(({ methodName }) => methodName === 'key.rotate')!
  expect(metadata).toMatchObject({ from: 0, to: 1, reason: 'refresh', backup: 'waived', device: 'waived' })
})

describe('the old epoch is dead', () => {
  test('to tickets, to presignatures, and to dialogues that were under way', async () => {
    const wallet = await dealWallet(sigpair)
    const staged = await stageRefresh(sigpair, wallet)
    const { talk, sigids } = await dialPresign(sigpair, wallet, 1)
    await rotate(wallet, staged)

    await playPresign(talk, wallet.key, sigids[0]!).then(talk.stored, () => {})
    const { close: code } = ERRORS.EPOCH_MISMATCH
    expect(await talk.closed).toMatchObject({ code })
    await expect(dialPresign(sigpair, wallet, 1)).rejects.toMatchObject({ code })
    await expect(dialSign(sigpair, wallet, await prepared(sigpair, wallet))).rejects.toMatchObject({ code })
    await expect(dial(sigpair, wallet, { op: 'refresh' })).rejects.toMatchObject({ code })
    await signs(renewed(wallet, staged))
  })

  test('L3 to a device that mixes its old share with Sigpair’s new one: nothing is signed, nothing fits together', async () => {
    const wallet = await dealWallet(sigpair)
    const staged = await stageRefresh(sigpair, wallet)
    await rotate(wallet, staged)
    const next = renewed(wallet, staged)
    const mixed = { ...next, key: wallet.key }
    const disguised = {
      ...mixed,
      key: { ...wallet.key, share: { ...next.key.share, secret: wallet.key.share.secret } },
    }
    for (const cheat of [mixed, disguised]) {
      const { talk, sigids } = await dialPresign(sigpair, cheat, 1)
      await playPresign(talk, cheat.key, sigids[0]!).then(talk.stored, () => {})
      expect(await talk.closed).toMatchObject({ code: ERRORS.PROTOCOL_ABORTED.close })
    }
    expect((await pairRecord(sigpair, next)).stock).toEqual([])

    const { current } = (await viewOf(wallet)).key
    const theirs = decodeShare(fast, await openShare(sigpair.stores, wallet.keyId, current!))
    expect(() => combineShares(fast, [wallet.key.share, theirs])).toThrow()
    const forged = { ...theirs, self: wallet.key.share.self, secret: wallet.key.share.secret }
    expect(() => combineShares(fast, [forged, theirs])).toThrow('a share does not hold')
  })
})

describe('a refresh is begun', () => {
  test('in every status from READY to FROZEN, and heals the key', async () => {
    const stops = {
      FROZEN: async (pair: Wallet['pair']) => poison(sigpair.stores, pair),
      SUSPENDED: async (pair: Wallet['pair']) => {
        for (let i = 0; i < 3; i++) await recordFailure(sigpair.stores, pair)
      },
    }
    for (const [status, stop] of Object.entries(stops)) {
      const wallet = await dealWallet(sigpair)
      await stop(wallet.pair)
      expect((await viewOf(wallet)).status).toBe(status)
      const staged = await stageRefresh(sigpair, wallet)
      await expect(rotate(wallet, staged)).rejects.toMatchObject({ code: 'KEY_FROZEN', details: status })
      await rotate(wallet, staged, { repair: true })
      await signs(renewed(wallet, staged))
    }
  })

  test('by the enrolled device of the owner, of a key that is in force', async () => {
    const wallet = await dealWallet(sigpair)
    const refused = async (who: Parameters<typeof dial>[1], code: keyof typeof ERRORS, grant: object = {}) =>
      expect(dial(sigpair, who, { op: 'refresh' }, { grant })).rejects.toMatchObject({ code: ERRORS[code].close })
    await refused({ ...wallet, device: createDevice(rng) }, 'TICKET_INVALID')
    await refused(wallet, 'NOT_FOUND', { sub: 'https://issuer.test|mallory' })
    await refused(wallet, 'EPOCH_MISMATCH', { epoch: 1 })
    await refused({ ...wallet, keyId: toHex(rng(32)) }, 'NOT_FOUND')
    expect((await viewOf(wallet)).key).toMatchObject({ begun: null, opened: null })
  })

  test('L9 and the one before is aborted: its device hears so, and its late messages change nothing', async () => {
    const wallet = await dealWallet(sigpair)
    const first = await dial(sigpair, wallet, { op: 'refresh' })
    const second = await stageRefresh(sigpair, wallet)
    await playRefresh(first, wallet.device, wallet.key.share).then(first.stored, () => {})
    expect(await first.closed).toMatchObject({ code: ERRORS.KEY_BUSY.close })
    const stages = [fromHex(first.answer.stageId ?? ''), second.stageId]
    await expect(rotate(wallet, { ...second, stageId: stages[0]! })).rejects.toMatchObject({ code: 'EPOCH_MISMATCH' })
    await expect(rotate(wallet, second)).resolves.toMatchObject({ epoch: 1 })
  })
})
