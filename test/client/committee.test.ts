import { TandemError } from '@tandem/client'
import { createRecoveryKit, openCommitteeBackups } from '@tandem/client/backup'
import { combineShares, decodeShare, type KeyShare, type Presignature, type Signature } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { createWallet, type Wallet } from '../../shared/client/src/wallet/create-wallet.ts'
import { drill } from '../../shared/client/src/wallet/drill.ts'
import { backUp } from '../../shared/client/src/wallet/back-up.ts'
import { fillPresignatures } from '../../shared/client/src/wallet/presignatures.ts'
import { finishRestore, restoreDevice, restoreServer } from '../../shared/client/src/wallet/restore.ts'
import { rotateKey } from '../../shared/client/src/wallet/rotate.ts'
import { signInteractively, signSession } from '../../shared/client/src/wallet/sign-session.ts'
import { createStock, type Stock } from '../../shared/client/src/wallet/stock.ts'
import { deviceShareContent } from '../../shared/client/src/backup/device-share.ts'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { completeOnline, type PaperCommittee, paperCommittee } from '../helpers/paper-committee.ts'
import { seeded } from '../helpers/rng.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

// A device beside two of three members, through the socket of a gateway: no server, no database, real rounds.

let committee: PaperCommittee
let wallet: Wallet
let stock: Stock<Presignature>
beforeAll(async () => {
  committee = paperCommittee(2, 3)
  stock = createStock(() => 0)
  wallet = await createWallet(committee.device, 'Three')
}, 60_000)
afterEach(() => {
  committee.gateway.away.clear()
  committee.deaf.clear()
  stock.clear(wallet.keyId)
  for (const member of committee.members) member.tamper = (message) => message
})

const recordOf = async () => loadWallet(committee.device.vault, wallet.keyId)
const shareHere = async (): Promise<KeyShare> => decodeShare(fast, (await recordOf()).current!.share)
const approved = (text: string) => ({
  sessionId: 'ses_AAAAAAAAAAAAAAAAAAAAAA',
  digest: signedText(text).digest,
  path: [],
  rhoS: seeded(text)(32),
})
const ok = (signature: Signature, text: string, publicKey: Uint8Array) =>
  refusals(signature, signedText(text), publicKey)

/** Pays with a presignature, as functions and the gateway would end it. */
async function payWith(text: string, submitted: string[] = []): Promise<Signature | undefined> {
  const { device, members, world } = committee
  world.message = approved(text)
  return signSession(device, stock, wallet.keyId, approved(text), async (share) => {
    submitted.push(share === undefined ? 'interactive' : 'presignature')
    return share === undefined ? world.signatures.at(-1) : completeOnline(members, share, approved(text))
  })
}

test('a new key is rehearsed by every two members, and in force on receipts of two', async () => {
  const { members, failures } = committee
  const share = await shareHere()
  expect(share).toMatchObject({ self: 4, threshold: 3, parties: 4, withDevice: true, epoch: 0 })
  expect(failures).toEqual([])
  for (const { current } of members) expect(current!.share.publicShares).toEqual(share.publicShares)
  const { pairs, current, stage } = await recordOf()
  expect([pairs.map(({ peer }) => peer), current?.pairs.map(({ peer }) => peer), stage]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    null,
  ])
})

test('it pays with a presignature that two members and the device made, and interactively when there is none', async () => {
  const { device, gateway } = committee
  expect(await fillPresignatures(device, stock, wallet.keyId, 2)).toBe(2)
  const { publicKey } = await shareHere()
  const submitted: string[] = []
  for (const text of ['first', 'second', 'third']) {
    const signature = await payWith(text, submitted)
    expect(ok(signature!, text, publicKey)).toEqual([])
  }
  expect(submitted).toEqual(['presignature', 'presignature', 'interactive'])
  const legs = gateway.passed.flatMap(({ from, message }) =>
    from === 'device' && message.type === 'data' ? message.index : [],
  )
  expect(new Set(legs.slice(-6))).toEqual(new Set([1, 2]))
})

test('a member that is away is not asked: others sign', async () => {
  const { device, gateway } = committee
  for (const away of [1, 2, 3]) {
    gateway.away.clear()
    gateway.away.add(away)
    await fillPresignatures(device, stock, wallet.keyId, 1)
    const made = stock.take(wallet.keyId)
    expect(made?.signers).toEqual([1, 2, 3, 4].filter((index) => index !== away))
  }
  gateway.away.add(1)
  await expect(fillPresignatures(device, stock, wallet.keyId, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a member that goes away in a dialogue, or says nonsense, is named, and others sign', async () => {
  const { device, members } = committee
  members[0]!.tamper = (message) => (message.round === 2 ? { ...message, body: message.body.slice(1) } : message)
  await fillPresignatures(device, stock, wallet.keyId, 1)
  expect(stock.take(wallet.keyId)?.signers).toEqual([2, 3, 4])
  expect(device.standing.failuresOf([1])).toBe(1)
  device.standing.answered([1, 2, 3])

  for (const member of members) member.tamper = members[0]!.tamper
  const failure = await fillPresignatures(device, stock, wallet.keyId, 1).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'PROTOCOL_ABORTED' })
  if (!(failure instanceof TandemError)) throw failure
  expect(failure.details).toBe(`member ${failure.members![0]}`)
  device.standing.answered([1, 2, 3])
})

test('presignatures of members that do not answer are left, and others sign', async () => {
  const { device } = committee
  await fillPresignatures(device, stock, wallet.keyId, 1)
  device.standing.failed([1])
  const submitted: string[] = []
  const signature = await payWith('left', submitted)
  expect([submitted, stock.size(wallet.keyId)]).toEqual([['interactive'], 1])
  expect(ok(signature!, 'left', (await shareHere()).publicKey)).toEqual([])
  device.standing.answered([1, 2, 3])
})

test('new shares come with a backup of each member’s, and are in force on two receipts', async () => {
  const { device, members, calls } = committee
  const before = await shareHere()
  const kit = createRecoveryKit(seeded('kit'))
  const asked = await backUp(device, wallet, { encryptionKey: kit.encryptionKey })
  expect(asked.nodes).toHaveLength(3)
  calls.length = 0

  const kept: unknown[] = []
  const backups = { seal: async (content: Uint8Array) => content, save: async (both: unknown) => void kept.push(both) }
  const renewed = await rotateKey(device, stock, wallet, { backups })
  const after = await shareHere()
  expect([renewed.epoch, renewed.rotation?.to, after.epoch]).toEqual([1, 1, 1])
  expect([after.publicKey, after.publicShares[3]]).toEqual([
    before.publicKey,
    members[0]!.current!.share.publicShares[3],
  ])
  expect(after.secret).not.toEqual(before.secret)
  expect(calls).toEqual(['ticket', 'rotateKey'])
  expect(await recordOf()).not.toHaveProperty('commit')

  const opened = openCommitteeBackups(fast, after, { encryptedData: renewed.backup!.encryptedData, dk: kit.dk })
  expect(opened.map(({ self }) => self)).toEqual([1, 2, 3])
  for (const two of [opened.slice(0, 2), opened.slice(1)]) {
    expect(combineShares(fast, [after, ...two]).publicKey).toEqual(after.publicKey)
  }
  expect(kept).toHaveLength(1)
  const signature = await payWith('after')
  expect(ok(signature!, 'after', after.publicKey)).toEqual([])
}, 60_000)

test('a drill takes the proofs of two members, and those of one are too few', async () => {
  const { device, deaf } = committee
  const content = deviceShareContent((await recordOf()).current!.share)
  deaf.add(1)
  await expect(drill(device, wallet, content)).resolves.toMatchObject({ epoch: 1 })
  deaf.add(3)
  await expect(drill(device, wallet, content)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a server that lost its share is no matter of this device', async () => {
  await expect(restoreServer(committee.device, wallet)).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a member that fails the check on its transfers is named, and only the pair with it is poisoned', async () => {
  const { device, members } = committee
  members[1]!.tamper = (message) =>
    message.round === 1 ? { ...message, body: message.body.with(-1, message.body.at(-1)! ^ 1) } : message
  await fillPresignatures(device, stock, wallet.keyId, 1)
  expect(stock.take(wallet.keyId)?.signers).toEqual([1, 3, 4])
  const { pairs, current } = await recordOf()
  expect(pairs.map(({ status }) => status)).toEqual(['ACTIVE', 'POISONED', 'ACTIVE'])
  expect(current?.pairs.map(({ setup }) => setup.length > 0)).toEqual([true, false, true])

  members[2]!.tamper = members[1]!.tamper
  const frozen = fillPresignatures(device, stock, wallet.keyId, 1)
  await expect(frozen).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
  await expect(signInteractively(device, wallet.keyId, approved('no'))).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
  expect(toHex((await shareHere()).publicKey)).toBe(wallet.publicKey)
})

test('a new device takes the place of this one, with its backup and new shares of all members', async () => {
  const { device, members, newDevice, world } = committee
  const device2 = newDevice()
  const restore = await restoreDevice(device2, deviceShareContent((await recordOf()).current!.share))
  await expect(fillPresignatures(device2, stock, wallet.keyId, 1)).rejects.toMatchObject({ code: 'WALLET_FROZEN' })
  world.ek = undefined
  const { epoch, rotation } = await finishRestore(device2, stock, restore, { backups: 'waived' })
  expect([epoch, rotation?.reason]).toEqual([2, 'restore'])
  const { identity } = await device2.identity()
  for (const { current } of members) expect(current!.share.identities[3]).toEqual(identity)
  expect(await fillPresignatures(device2, stock, wallet.keyId, 1)).toBe(1)
  stock.clear(wallet.keyId)
  // The lost one still holds its share; nobody signs with it.
  expect((await loadWallet(device.vault, wallet.keyId)).current?.epoch).toBe(1)
}, 60_000)
