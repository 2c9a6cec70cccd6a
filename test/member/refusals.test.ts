import { pairAt, presignatureAt, readKey, sessionAt } from '@tandem/sigpair'
import type { Message } from '@tandem/rounds'
import { FRAME_PROTOCOLS, type Hello, HEADER_BYTES, toHex } from '@tandem/wire'
import type { Network } from '../../sigpair/src/committee/network.ts'
import { peerPair } from '../../sigpair/src/stores.ts'
import { converse, createDevice } from '../helpers/device.ts'
import { OWNER, rng } from '../helpers/sigpair.ts'
import { flip, OFFER } from '../helpers/signing-fields.ts'
import { newKeyId, payment } from '../helpers/wallet.ts'
import { complete, prepare } from './calls.ts'
import { deal, dialAll, idOf, makePresignatures, shareFor, type Wallet } from './device.ts'
import { type Members, startMembers } from './members.ts'

// What a member refuses, and what a cheat costs whom.

let members: Members
let wallet: Wallet
/** what becomes of what member 2 sends to the others */
let tamper: (payload: Uint8Array) => Uint8Array = (payload) => payload

beforeAll(async () => {
  const cheating = (network: Network): Network => ({
    ...network,
    send: async (to, payload) => network.send(to, tamper(payload)),
  })
  members = await startMembers({ wrap: (index, network) => (index === 2 ? cheating(network) : network) })
  wallet = await deal(members)
})
afterAll(async () => members.close())

const presigning = (count = 1) => {
  const sigids = Array.from({ length: count }, () => toHex(rng(32)))
  return { op: 'presign' as const, count, sigids, inventory: [] }
}
const dialled = () => ({ device: wallet.device, keyId: wallet.keyId, epoch: wallet.share.epoch })
const refusedWith = (reason: string) => ({ reason })
const statusAt = async (index: number) => (await readKey(members.at(index).stores, wallet.keyId))!.status
const pairWith = async (index: number, peer: number) => {
  const name = peerPair({ keyId: wallet.keyId, ssid: wallet.share.ssid }, members.at(peer).identity.publicKey)
  return (await members.at(index).stores.presignatures.get(pairAt(name)))!.data
}

test('S1 refuses signers it is not among, without the device, too few of them, or out of order', async () => {
  for (const signers of [
    [1, 2, 4],
    [1, 2, 3],
    [2, 3, 4, 5],
    [3, 4, 5],
  ]) {
    const dial = dialAll(members, [members.at(3)], dialled(), presigning(), { signers })
    await expect(dial).rejects.toMatchObject(refusedWith('VALIDATION_FAILED'))
  }
  expect(await statusAt(3)).toBe('READY')
})

test('takes part only in dialogues that name a session of their own', async () => {
  const member = members.at(1)
  const { device, keyId } = wallet
  const ticket = await members.ticket({ sub: OWNER, op: 'presign', keyId, epoch: 0, cnf: device.cnf })
  const request = { url: member.url, sigpairKey: member.sigpairKey, device, ticket, hello: presigning() as Hello }
  await expect(converse(request)).rejects.toMatchObject(refusedWith('VALIDATION_FAILED'))

  const session = toHex(rng(32))
  const again = async () => dialAll(members, [member], dialled(), presigning(), { session, signers: [1, 2, 4] })
  const { talks } = await again()
  await expect(again()).rejects.toMatchObject(refusedWith('VALIDATION_FAILED'))
  for (const talk of talks.values()) talk.leave()
})

test('L9 takes no stage id that is in force', async () => {
  const { key } = (await readKey(members.at(1).stores, wallet.keyId))!
  const stageId = toHex(key.current!.stageId)
  const refresh = async (named?: string) =>
    dialAll(members, [members.at(1)], dialled(), { op: 'refresh' }, named === undefined ? {} : { stageId: named })
  await expect(refresh(stageId)).rejects.toMatchObject(refusedWith('VALIDATION_FAILED'))
  await expect(refresh()).rejects.toMatchObject(refusedWith('VALIDATION_FAILED'))
  const keygen = { device: createDevice(rng), keyId: newKeyId(), epoch: 0 }
  await expect(dialAll(members, [members.at(1)], keygen, { op: 'keygen' })).rejects.toMatchObject(
    refusedWith('VALIDATION_FAILED'),
  )
})

test('S25 nothing is signed before it is fixed, and it is fixed once, with its own part', async () => {
  const member = members.at(1)
  const [presignature] = await makePresignatures(members, wallet, [1, 2])
  const request = payment(wallet)
  const { sessionId, keyId } = request
  const { body } = await members.call(member, { path: '/internal/sessions', body: request })
  const [own, other] = [
    { index: 1, rhoS: body['rhoS'] },
    { index: 2, rhoS: toHex(rng(32)) },
  ]
  const settle = async (...parts: object[]) =>
    members.gateway(member, { path: `/internal/sessions/${sessionId}/settle`, body: { keyId, parts } })
  const session = { sessionId, keyId, path: [], digest: rng(32), rhoS: rng(32) }
  const share = shareFor(wallet, presignature!, session)

  expect((await complete(members, member, session, share)).body).toMatchObject({ error: 'UNAVAILABLE' })
  const foreign = [[other], [{ ...own, rhoS: other.rhoS }, other], [own, own], [{ ...own, index: 3 }]]
  for (const parts of foreign) expect((await settle(...parts)).body).toMatchObject({ error: 'VALIDATION_FAILED' })
  const { body: settled } = await settle(other, own)
  expect((await settle(own)).body).toEqual(settled)
  const stored = await member.stores.parties.get(sessionAt(sessionId))
  expect(toHex(stored!.data.settled!)).toBe(settled['rhoS'])
  const { released } = (await complete(members, member, session, share)).body as { released: object }
  expect(released).toMatchObject({ rhoS: settled['rhoS'] })
})

test('S28 keeps no signature that does not verify under its own record', async () => {
  const session = await prepare(members, wallet)
  const { sessionId, keyId } = session
  const keep = async (signature: Uint8Array, call = members.gateway) =>
    call(members.at(1), {
      path: `/internal/sessions/${sessionId}/signature`,
      body: { keyId, signature: toHex(signature) },
    })
  const wrong = Uint8Array.of(...rng(64), 0)
  expect((await keep(wrong)).body).toMatchObject({ error: 'MPC_SIGNING_FAILED' })
  expect((await keep(wrong, members.call)).body).toMatchObject({ error: 'UNAUTHENTICATED' })
  expect((await members.at(1).stores.parties.get(sessionAt(sessionId)))!.data.signature).toBeNull()
})

test('a session that was given up is signed by nobody', async () => {
  const [presignature] = await makePresignatures(members, wallet, [1, 2])
  const session = await prepare(members, wallet)
  const path = `/internal/sessions/${session.sessionId}/cancel`
  expect(await members.call(members.at(1), { path, body: { keyId: wallet.keyId } })).toMatchObject({ status: 200 })
  const late = await complete(members, members.at(1), session, shareFor(wallet, presignature!, session))
  expect(late.body).toMatchObject({ error: 'SESSION_CONSUMED' })
})

test('a member that cannot be reached is named, and others sign', async () => {
  const names = [1, 3].map((index) => members.at(index).identity.name)
  members.net!.partition(names, [members.at(2).identity.name])
  await expect(makePresignatures(members, wallet, [1, 2])).rejects.toMatchObject({ code: expect.any(Number) })
  expect(await makePresignatures(members, wallet, [1, 3])).toHaveLength(1)
  members.net!.heal()
})

test('a member that cheats loses its pair with whom it cheated, and what was made with it; others go on', async () => {
  const [mine] = await makePresignatures(members, wallet, [1, 2])
  const [other] = await makePresignatures(members, wallet, [1, 3], { inventory: [mine!] })
  const inventory = [mine!, other!]
  tamper = (payload) => (isOffer(payload) ? flipIn(payload) : payload)
  await expect(makePresignatures(members, wallet, [1, 2], { inventory })).rejects.toThrow()
  tamper = (payload) => payload
  expect(await pairWith(1, 2)).toMatchObject({ status: 'POISONED', setup: null })
  expect(await pairWith(1, 3)).toMatchObject({ status: 'ACTIVE' })
  expect(await Promise.all([1, 2, 3].map(statusAt))).toEqual(['READY', 'READY', 'READY'])
  await expect(makePresignatures(members, wallet, [1, 2])).rejects.toMatchObject(refusedWith('UNAVAILABLE'))

  const statusOf = async (made: Uint8Array) =>
    (await members.at(1).stores.presignatures.get(presignatureAt(wallet.keyId, toHex(idOf(made)))))!.data.status
  expect([await statusOf(mine!), await statusOf(other!)]).toEqual(['CONSUMED', 'USABLE'])
  expect(await makePresignatures(members, wallet, [1, 3])).toHaveLength(1)
})

test('a device that cheats freezes the key where it cheated', async () => {
  const cheat = (message: Message): Message =>
    message.to === 3 && message.round === 1 ? { ...message, body: flip(message.body, OFFER.h, 0) } : message
  await expect(makePresignatures(members, wallet, [2, 3], { tamper: cheat })).rejects.toThrow()
  expect(await Promise.all([1, 2, 3].map(statusAt))).toEqual(['READY', 'READY', 'FROZEN'])
  await expect(makePresignatures(members, wallet, [1, 3])).rejects.toMatchObject(refusedWith('KEY_FROZEN'))
})

/** 02 ‖ session ‖ frame; of a frame: magic, suite, protocol, round. */
const FRAME_AT = 33

function isOffer(payload: Uint8Array): boolean {
  return payload[FRAME_AT + 6] === FRAME_PROTOCOLS.presign && payload[FRAME_AT + 7] === 1
}

function flipIn(payload: Uint8Array): Uint8Array {
  const body = FRAME_AT + HEADER_BYTES
  return Uint8Array.of(...payload.slice(0, body), ...flip(payload.slice(body), OFFER.h, 0))
}
