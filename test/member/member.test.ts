import { decodeSignature, derive } from '@tandem/ecdsa'
import { pairAt, presignatureAt, readKey, sessionAt } from '@tandem/sigpair'
import { type MemberCompletion, toHex } from '@tandem/wire'
import { computeAddress, recoverAddress } from 'ethers'
import { peerPair } from '../../sigpair/src/stores.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import { rng } from '../helpers/sigpair.ts'
import { newKeyId } from '../helpers/wallet.ts'
import { addUp, commitEverywhere, complete, prepare, type PreparedSession, rotate, rotateRequest } from './calls.ts'
import {
  dialAll,
  finish,
  makePresignatures,
  playKeygen,
  playRefresh,
  playSign,
  shareFor,
  type Wallet,
  walletOf,
} from './device.ts'
import { type Answer, type Members, startMembers } from './members.ts'

// Three members and a bare device, from key generation to the next epoch. Each test goes on where the one before has ended.

let members: Members
let wallet: Wallet
/** of the first commit */
let first: readonly Answer[]

beforeAll(async () => (members = await startMembers()))
afterAll(async () => members.close())

/** By two verifiers that share no code. */
function expectSigned({ digest, path }: PreparedSession, signature: Uint8Array): void {
  const { publicKey } = derive(fast, wallet.share, path)
  expect(fast.verify(signature.slice(0, 64), digest, publicKey)).toBe(true)
  const { compact, recovery } = decodeSignature(signature)!
  const [r, s] = [toHex(compact.slice(0, 32)), toHex(compact.slice(32))]
  expect(recoverAddress(toHex(digest), { r, s, v: 27 + recovery })).toBe(computeAddress(toHex(publicKey)))
}

test('a key is generated, every pair of it rehearsed, and each member commits it by itself', async () => {
  const device = createDevice(rng)
  const keyId = newKeyId()
  const { result, legs } = await playKeygen(members, device, keyId)
  expect(await finish(legs)).toEqual([{}, {}, {}])
  wallet = walletOf(device, keyId, result)
  first = await commitEverywhere(members, wallet)
  for (const { status } of first) expect(status).toBe(200)

  for (const { index, stores } of members.all) {
    const { key, status } = (await readKey(stores, keyId))!
    expect(status).toBe('READY')
    expect(key.current).toMatchObject({ publicKey: result.share.publicKey, committee: { self: index, threshold: 2 } })
    expect(key.current!.certificate).toHaveLength(4)
    const name = { keyId, ssid: result.share.ssid }
    expect((await stores.presignatures.get(pairAt(name)))!.data).toMatchObject({
      status: 'ACTIVE',
      opened: 2,
      passed: 2,
    })
    for (const peer of members.all.filter((one) => one.index !== index)) {
      const pair = (await stores.presignatures.get(pairAt(peerPair(name, peer.identity.publicKey))))!
      expect(pair.data).toMatchObject({ status: 'ACTIVE', opened: 1, passed: 1, peer: peer.index, epochKey: null })
      expect(pair.expireAt).toBeUndefined()
    }
  }
})

test('two of three sign with a presignature, the third counts, and all keep what verifies', async () => {
  const [presignature] = await makePresignatures(members, wallet, [1, 2])
  const session = await prepare(members, wallet)
  const share = shareFor(wallet, presignature!, session)
  const answers = await Promise.all(
    members.all.map(async (member) => ({ index: member.index, ...(await complete(members, member, session, share)) })),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  const said = answers.map(({ index, body }) => ({ index, completion: body as MemberCompletion }))
  expect(said.map(({ completion }) => completion.released?.signers)).toEqual([[1, 2, 4], [1, 2, 4], undefined])
  const signature = addUp(session, share, said)
  expectSigned(session, signature)

  const again = await complete(members, members.at(1), session, share)
  expect(again.body).toEqual(answers[0]!.body)
  const path = `/internal/sessions/${session.sessionId}`
  const cancel = { path: `${path}/cancel`, body: { keyId: wallet.keyId } }
  expect(await members.call(members.at(2), cancel)).toMatchObject({ body: { error: 'SESSION_CONSUMED' } })

  const keep = { path: `${path}/signature`, body: { keyId: wallet.keyId, signature: toHex(signature) } }
  for (const member of members.all) {
    expect(await members.gateway(member, keep)).toMatchObject({ status: 200 })
    expect((await complete(members, member, session)).body).toMatchObject({ signature: toHex(signature) })
  }
})

test('a presignature is used once, and only by who made it', async () => {
  const [presignature] = await makePresignatures(members, wallet, [1, 3])
  const id = toHex(presignature!.slice(1, 33))
  const known = async (index: number) => members.at(index).stores.presignatures.get(presignatureAt(wallet.keyId, id))
  expect(await known(2)).toBeUndefined()
  expect((await known(3))!.data).toMatchObject({ status: 'USABLE', signers: [1, 3, 4] })

  const [one, other] = [await prepare(members, wallet), await prepare(members, wallet)]
  const share = shareFor(wallet, presignature!, one)
  expect(await complete(members, members.at(1), one, share)).toMatchObject({ status: 200 })
  const second = await complete(members, members.at(1), other, shareFor(wallet, presignature!, other))
  expect(second.body).toMatchObject({ error: 'PRESIGNATURE_CONSUMED' })
})

test('two others sign in a dialogue, and both have the signature', async () => {
  const session = await prepare(members, wallet)
  const { device, keyId, share } = wallet
  const [sigid, rhoD, signers] = [rng(32), rng(32), [2, 3, 4]]
  const named = { sessionId: session.sessionId, digest: toHex(session.digest), path: [...session.path] }
  const dialled = { device, keyId, epoch: share.epoch, grant: { session: named } }
  const hello = { op: 'sign' as const, sigid: toHex(sigid), rhoD: toHex(rhoD) }
  const legs = await dialAll(members, [members.at(2), members.at(3)], dialled, hello, { signers })
  const made = await playSign(legs, wallet, { ...session, sigid, rhoD, signers })
  await finish(legs)
  const signature = Uint8Array.of(...made.compact, made.recovery)
  expectSigned(session, signature)
  for (const index of [2, 3]) {
    const doc = await members.at(index).stores.parties.get(sessionAt(session.sessionId))
    expect(doc!.data.signature).toEqual(signature)
  }
})

describe('a new epoch', () => {
  let old: Wallet
  let dead: Uint8Array
  let request: ReturnType<typeof rotateRequest>
  let rotated: readonly Answer[]
  const there = () => [members.at(1), members.at(2)]

  test('is in force with the members that were told, and what belongs to the old one is dead', async () => {
    const [made] = await makePresignatures(members, wallet, [1, 2])
    dead = made!
    old = wallet
    const staged = await playRefresh(members, wallet)
    await finish(staged.legs)
    request = rotateRequest(wallet, staged)
    rotated = await rotate(members, wallet, request, there())
    expect(rotated.map(({ status }) => status)).toEqual([200, 200])
    expect((await rotate(members, wallet, request, there())).map(({ body }) => body['receipt'])).toEqual(
      rotated.map(({ body }) => body['receipt']),
    )
    wallet = walletOf(wallet.device, wallet.keyId, staged.result)

    const session = await prepare(members, wallet, there())
    const late = await complete(members, members.at(1), session, shareFor(old, dead, session))
    expect(late.body).not.toHaveProperty('released')
    await expect(makePresignatures(members, old, [1, 2])).rejects.toMatchObject({ reason: 'EPOCH_MISMATCH' })
    const was = { keyId: wallet.keyId, ssid: old.share.ssid }
    for (const name of [was, peerPair(was, members.at(2).identity.publicKey)]) {
      const pair = await members.at(1).stores.presignatures.get(pairAt(name))
      expect(pair!.data).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
    }
  })

  test('is shown to a member that was away by t receipts of exactly its stage and the word of the device', async () => {
    const away = members.at(3)
    const path = `/internal/keys/${wallet.keyId}`
    const epoch = async () => (await readKey(away.stores, wallet.keyId))!.key.current!.epoch
    expect(await epoch()).toBe(0)
    await expect(makePresignatures(members, wallet, [1, 3])).rejects.toMatchObject({ reason: 'EPOCH_MISMATCH' })
    const shown = await members.gateway(members.at(1), { method: 'GET', path: `${path}/commitment` })
    expect(shown.body).toEqual({ receipt: rotated[0]!.body['receipt'], commit: { op: 'rotate', request } })

    const [one, two] = rotated.map(({ body }) => body['receipt'])
    const [before] = first.map(({ body }) => body['receipt'])
    const named = (...receipts: unknown[]) => receipts.map((receipt, at) => ({ index: at + 1, receipt }))
    const { body, intent } = request
    const unsigned = { ...intent, signature: toHex(rng(64)) }
    const refused = [
      [named(one, one), { body, intent }],
      [[...named(one), ...named(one)], { body, intent }],
      [named(before, two), { body, intent }],
      [named(two, one), { body, intent }],
      [named(one, two), { body, intent: unsigned }],
      [named(one, two), { body: { ...body, repair: true }, intent }],
    ] as const
    for (const [receipts, asked] of refused) {
      const call = { path: `${path}/catch-up`, body: { receipts, commit: { op: 'rotate', request: asked } } }
      expect(await members.gateway(away, call)).toMatchObject({ status: 403 })
    }
    expect(await epoch()).toBe(0)

    const call = { path: `${path}/catch-up`, body: { receipts: named(one, two), commit: shown.body['commit'] } }
    expect((await members.call(away, call)).body).toMatchObject({ error: 'UNAUTHENTICATED' })
    for (const _ of ['once', 'again']) expect(await members.gateway(away, call)).toMatchObject({ status: 200 })
    expect(await epoch()).toBe(1)
    expect(await makePresignatures(members, wallet, [1, 3])).toHaveLength(1)
  })
})
