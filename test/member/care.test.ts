import { backupHash, backupKey, backupStatement, provePossession, pveVerify, verifyPossession } from '@tandem/ecdsa'
import { partyIndex, runAlone } from '@tandem/rounds'
import { readKey } from '@tandem/sigpair'
import { CONTROL, fromBase64url, fromHex, type MemberBatchCompletion, toBase64url, toHex } from '@tandem/wire'
import { taggedHash } from '../../sigpair/src/crypto/hash.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import { rng } from '../helpers/sigpair.ts'
import { intentBy, payment } from '../helpers/wallet.ts'
import { addUp } from './calls.ts'
import { deal, finish, makePresignatures, playRecover, shareFor, type Wallet, walletOf } from './device.ts'
import { type Answer, type Members, startMembers } from './members.ts'

// Backup, drill, export, batch, restore: what every member does for itself, beside one device.

let members: Members
let wallet: Wallet
const { ek } = backupKey(fast, rng)

beforeAll(async () => {
  members = await startMembers()
  wallet = await deal(members)
})
afterAll(async () => members.close())

const askAll = async (path: string, body: object): Promise<readonly Answer[]> =>
  Promise.all(
    members.all.map(async (one) => members.call(one, { path: `/internal/keys/${wallet.keyId}${path}`, body })),
  )

const signed = (op: 'backup' | 'export' | 'export-confirm', body: object) => {
  const { device, keyId, share } = wallet
  return { body, intent: intentBy(device, { op, keyId, epoch: share.epoch }, body) }
}

async function isBackup({ share }: Wallet, index: number, ciphertext: Uint8Array): Promise<boolean> {
  const statement = backupStatement(share, { party: partyIndex(index), purpose: 'recovery', ek })
  return runAlone(pveVerify(fast, statement, ciphertext), async () => {})
}

test('every member backs its own share up, verifiably, under one id', async () => {
  const answers = await askAll('/backup', signed('backup', { encryptionKey: toHex(ek) }))
  expect(new Set(answers.map(({ body }) => body['backupId'])).size).toBe(1)
  for (const [at, { body }] of answers.entries()) {
    expect(await isBackup(wallet, at + 1, fromBase64url(String(body['encryptedData'])))).toBe(true)
  }
})

test('every member proves its own share in a drill, and exports it to the device', async () => {
  const challenge = rng(32)
  const drilled = await askAll('/drill', { challenge: toHex(challenge) })
  for (const [at, { body }] of drilled.entries()) {
    const publicShare = wallet.share.publicShares[at]!
    expect(body['publicShare']).toBe(toHex(publicShare))
    const claim = { ...wallet.share, publicShare }
    const why = { purpose: 'drill' as const, challenge }
    expect(verifyPossession(fast, claim, fromHex(String(body['proof'])), why)).toBe(true)
  }
  const { exchange } = createDevice(rng)
  const asked = await askAll('/export', signed('export', { encryptionKey: toHex(exchange.publicKey) }))
  const [exportId, ...others] = new Set(asked.map(({ body }) => String(body['exportId'])))
  expect(others).toEqual([])
  const confirmed = await askAll(`/export/${exportId}/confirm`, signed('export-confirm', { exportId }))
  expect(confirmed.map(({ body }) => body['publicShare'])).toEqual(
    wallet.share.publicShares.slice(0, 3).map((point) => toHex(point)),
  )
})

test('a batch is signed operation by operation, by whoever made each presignature', async () => {
  const [first] = await makePresignatures(members, wallet, [1, 2])
  const [second] = await makePresignatures(members, wallet, [1, 3], { inventory: [first!] })
  const stock = [first!, second!]
  const { keyId } = wallet
  const batchId = `bat_${toBase64url(rng(16))}`
  const transactions = stock.map((_, nonce) => {
    const { sessionId, payload } = payment(wallet)
    if (payload.kind !== 'transaction') throw new Error('a payment is a transaction')
    return { sessionId, unsignedTx: { ...payload.unsignedTx, nonce } }
  })
  const prepared = await Promise.all(
    members.all.map(async (one) =>
      members.call(one, { path: '/internal/batches', body: { batchId, keyId, path: [], transactions } }),
    ),
  )
  const drawn = prepared.map(({ body }) => body['sessions'] as { sessionId: string; digest: string; rhoS: string }[])
  const parts = transactions.map(({ sessionId }, i) => ({
    sessionId,
    parts: drawn.map((sessions, at) => ({ index: at + 1, rhoS: sessions[i]!.rhoS })),
  }))
  const settled = await Promise.all(
    members.all.map(async (one) =>
      members.gateway(one, { path: `/internal/batches/${batchId}/settle`, body: { keyId, sessions: parts } }),
    ),
  )
  const [rho] = settled.map(({ body }) => body['sessions'] as { rhoS: string }[])
  const sessions = transactions.map(({ sessionId }, i) => {
    return { sessionId, digest: fromHex(drawn[0]![i]!.digest), path: [], rhoS: fromHex(rho![i]!.rhoS) }
  })
  const signatures = stock.map((made, i) => shareFor(wallet, made, sessions[i]!))
  const complete = { path: `/internal/batches/${batchId}/complete`, body: { keyId, signatures } }
  const answers = await Promise.all(members.all.map(async (one) => members.call(one, complete)))
  const told = answers.map(({ body }) => (body as MemberBatchCompletion).sessions)
  expect(told.map((all) => all.map(({ released }) => released?.signers))).toEqual([
    [
      [1, 2, 4],
      [1, 3, 4],
    ],
    [[1, 2, 4], undefined],
    [undefined, [1, 3, 4]],
  ])
  expect((await members.call(members.at(2), complete)).body).toEqual(answers[1]!.body)

  const made = sessions.map((session, i) => {
    const ofThis = told.map((all, at) => ({ index: at + 1, completion: all[i]! }))
    return { sessionId: session.sessionId, signature: toHex(addUp(session, signatures[i]!, ofThis)) }
  })
  const keep = async (all: typeof made) =>
    members.gateway(members.at(2), { path: `/internal/batches/${batchId}/signatures`, body: { keyId, sessions: all } })
  const swapped = made.map(({ sessionId }, i) => ({ sessionId, signature: made[1 - i]!.signature }))
  expect((await keep(swapped)).body).toMatchObject({ error: 'MPC_SIGNING_FAILED' })
  expect(await keep(made)).toMatchObject({ status: 200 })
  expect((await members.call(members.at(2), complete)).body).toEqual({
    sessions: made.map((one, i) => ({ ...one, digest: toHex(sessions[i]!.digest) })),
  })
})

test('a new device takes the place of a lost one, over the backups it verified, each member minding its own', async () => {
  const { keyId, share } = wallet
  const device = createDevice(rng)
  const both = Uint8Array.of(...device.identity, ...device.exchange.publicKey)
  const proof = toHex(provePossession(fast, share, rng, { purpose: 'restore', device: both }))
  const deviceKey = { ...device.cnf, certificate: toHex(device.certificate) }
  const asking = (reason: string) => {
    const body = { reason, deviceKey, proof }
    return { body, intent: intentBy(device, { op: 'restore', keyId, epoch: share.epoch }, body) }
  }
  const lost = await askAll('/restore', asking('server-lost'))
  for (const { body } of lost) expect(body).toMatchObject({ error: 'FORBIDDEN' })
  const asked = await askAll('/restore', asking('device-lost'))
  const [restoreId, ...others] = new Set(asked.map(({ body }) => String(body['restoreId'])))
  expect(others).toEqual([])

  const staged = await playRecover(members, { ...wallet, device }, { restoreId: restoreId!, proof })
  wallet = walletOf(device, keyId, staged.result)
  const hashes: Uint8Array[] = []
  for (const [index, talk] of staged.legs.talks) {
    expect(talk.answer.recoveryKey).toBe(toHex(ek))
    const { protocol, round, body } = await talk.next()
    expect([protocol, round]).toEqual(['control', CONTROL.backup])
    expect(await isBackup(wallet, index, body)).toBe(true)
    hashes.push(backupHash(fast, body))
  }
  await finish(staged.legs)

  const confirming = (nodes: readonly Uint8Array[]) => {
    const whole = toHex(taggedHash('backup/nodes', ...nodes))
    const backups = { sigpair: whole, nodes: nodes.map((one) => toHex(one)), device: 'waived' }
    const body = { restoreId, stageId: toHex(staged.stageId), backups }
    return { body, intent: intentBy(device, { op: 'restore-confirm', keyId, epoch: share.epoch + 1 }, body) }
  }
  const path = `/restore/${restoreId}/confirm`
  const statuses = (await askAll(path, confirming(hashes.with(1, rng(32))))).map(({ body }) => body['error'])
  expect(statuses).toEqual([undefined, 'VALIDATION_FAILED', undefined])
  const confirmed = await askAll(path, confirming(hashes))
  expect(confirmed.map(({ status }) => status)).toEqual([200, 200, 200])
  const { key } = (await readKey(members.at(3).stores, keyId))!
  expect(key.current!.committee!.identities.at(-1)).toEqual(device.identity)
  expect(await makePresignatures(members, wallet, [2, 3])).toHaveLength(1)
})
