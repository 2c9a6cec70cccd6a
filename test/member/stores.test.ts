import { generateKeyPairSync, sign } from 'node:crypto'
import {
  ackMessage,
  commitStatement,
  decodePresignature,
  encodePresignature,
  encodeSignatureShare,
  type KeyShare,
  noble,
  onlineShare,
  type PairSetup,
  provePossession,
} from '@tandem/ecdsa'
import { Once, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import {
  beginKeygen,
  commitStage,
  completeStage,
  keyAt,
  loadForSigning,
  loadIdentity,
  openCheck,
  pairAt,
  poison,
  readKey,
  type SigpairIdentity,
  stageKey,
  strike,
} from '@tandem/sigpair'
import { limits, toHex } from '@tandem/wire'
import { releasePart } from '../../sigpair/src/compute/worker.ts'
import { taggedHash } from '../../sigpair/src/crypto/hash.ts'
import { confirmedBackup } from '../../sigpair/src/keys/backup-hash.ts'
import { deleteKey } from '../../sigpair/src/keys/delete.ts'
import { succeedPair } from '../../sigpair/src/keys/pair-store.ts'
import { abortOldStages, COMPLETE_STAGE_MS } from '../../sigpair/src/keys/stage-expire.ts'
import { beginEpoch } from '../../sigpair/src/keys/stage-begin.ts'
import { catchUp } from '../../sigpair/src/member/catch-up.ts'
import { peerPair } from '../../sigpair/src/stores.ts'
import { fast } from '../helpers/backends.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { intentBy } from '../helpers/wallet.ts'
import { startKms, type TestKms } from '../sigpair/kms.ts'
import { openWorld, OWNER, type World } from '../sigpair/world.ts'

// What member 2 of three stores, with dealt keys: two of them sign with the device, which is party 4.

let kms: TestKms
let world: World

let identity: SigpairIdentity

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, 'member stores')
  identity = await loadIdentity(world.stores)
})
afterEach(async () => world.close())

type Person = { readonly identity: Uint8Array; readonly sign: (message: Uint8Array) => Uint8Array }

type Epoch = {
  readonly keyId: string
  readonly stageId: Uint8Array
  readonly share: KeyShare
  readonly pairs: readonly PairSetup[]
  readonly people: readonly Person[]
  readonly acks: readonly Uint8Array[]
  /** of all parties, which the dealer knows */
  readonly secrets: readonly Uint8Array[]
}

function person(): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const identity = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  return { identity, sign: (message) => new Uint8Array(sign(null, message, privateKey)) }
}

const [self, device] = [partyIndex(2), partyIndex(4)]

function dealt(change: Partial<KeyShare> = {}, people = Array.from({ length: 4 }, person)): Epoch {
  const key = dealtDeviceKey(fast, 2, 3, world.rng)
  const share = { ...key.keys.get(self)!.share, identities: people.map(({ identity }) => identity), ...change }
  const secrets = key.signers.map((index) => key.keys.get(index)!.share.secret)
  const protocol = share.epoch === 0 ? 'keygen' : 'refresh'
  const acks = people.map((one, at) => one.sign(ackMessage(noble, protocol, share.conf, partyIndex(at + 1))))
  return {
    keyId: toHex(share.keyId),
    stageId: world.rng(32),
    share,
    pairs: key.setups.get(self)!,
    people,
    acks,
    secrets,
  }
}

const deviceOf = ({ people }: Epoch) => ({ identity: toHex(people[3]!.identity), exchange: toHex(new Uint8Array(32)) })
const nameOf = ({ keyId, stageId, share }: Epoch) => ({ keyId, stageId, epoch: share.epoch })
const pairsIn = ({ keyId, share, people }: Epoch) => {
  const name = { keyId, ssid: share.ssid }
  return { device: name, one: peerPair(name, people[0]!.identity), three: peerPair(name, people[2]!.identity) }
}
const pairAtOf = async (name: { keyId: string; ssid: Uint8Array }) => world.stores.presignatures.get(pairAt(name))

async function begin(epoch: Epoch): Promise<void> {
  await beginKeygen(world.stores, () => epoch.stageId, { keyId: epoch.keyId, owner: OWNER, device: deviceOf(epoch) })
}

async function stage({ stageId, share, pairs }: Epoch): Promise<void> {
  await stageKey(world.stores, { stageId, share, pairs, certificate: [] })
}

async function inForce(): Promise<Epoch> {
  const epoch = dealt()
  await begin(epoch)
  await stage(epoch)
  await completeStage(world.stores, nameOf(epoch), epoch.acks)
  const { keyId, stageId } = epoch
  const nonce = toHex(world.rng(16))
  const intent = { op: 'keygen' as const, keyId, epoch: 0, bodyHash: '0x', nonce, signature: '0x' }
  const expiry = Math.floor(world.clock.now / 1000) + 300
  await commitStage(world.stores, { keyId, stageId, intent: { ...intent, expiry } })
  return epoch
}

/** The next epoch of a dealt key, under other names: what a refresh leaves. */
async function stagedNext(current: Epoch): Promise<Epoch> {
  const { key } = (await readKey(world.stores, current.keyId))!
  const next = dealt({ keyId: current.share.keyId, epoch: 1 }, [...current.people])
  const asked = { key, current: key.current!, device: deviceOf(current), restoreId: null }
  await beginEpoch(world.stores, () => next.stageId, asked)
  await stage(next)
  return next
}

test('K10 L10 a stage is complete with the acknowledgement of every party, and no fewer', async () => {
  const epoch = dealt()
  await begin(epoch)
  await stage(epoch)
  for (const missing of [0, 1, 2, 3]) {
    const acks = epoch.acks.with(missing, new Uint8Array(64))
    await expect(completeStage(world.stores, nameOf(epoch), acks)).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  }
  await expect(completeStage(world.stores, nameOf(epoch), [])).rejects.toMatchObject({ code: 'PROTOCOL_ABORTED' })
  await completeStage(world.stores, nameOf(epoch), epoch.acks)
  expect((await readKey(world.stores, epoch.keyId))!.key.stage).toMatchObject({ acknowledged: true })
})

test('a key has a pair with every other party, each with counters of its own', async () => {
  const epoch = await inForce()
  const { keyId } = epoch
  const [withDevice, one, three] = Object.values(pairsIn(epoch))
  await openCheck(world.stores, one!, world.rng(32))
  for (let n = 0; n < 3; n++) await strike(world.stores, three!)
  expect((await pairAtOf(withDevice!))!.data).toMatchObject({ status: 'ACTIVE', opened: 0, strikes: [] })
  expect((await pairAtOf(one!))!.data).toMatchObject({ status: 'ACTIVE', opened: 1, peer: 1, epochKey: null })
  expect((await pairAtOf(three!))!.data).toMatchObject({ status: 'SUSPENDED', peer: 3 })

  const load = async (...signers: PartyIndex[]) =>
    loadForSigning(world.stores, { keyId, epoch: 0, owner: OWNER }, signers)
  expect((await load(partyIndex(1), self, device)).bytes.pairs).toHaveLength(2)
  await expect(load(self, partyIndex(3), device)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: 'member 3' })
})

test('who poisons a pair with a member poisons the one that takes its place', async () => {
  const epoch = await inForce()
  const next = await stagedNext(epoch)
  await completeStage(world.stores, nameOf(next), next.acks)
  const [old, young] = [pairsIn(epoch), pairsIn(next)]
  const peers = [{ old: old.one, next: young.one }]
  await succeedPair(world.stores, old.device, next.share.ssid, 'refresh', peers)
  await poison(world.stores, pairsIn(epoch).one)
  expect((await pairAtOf(pairsIn(next).one))!.data).toMatchObject({ status: 'POISONED', setup: null })
  expect((await pairAtOf(pairsIn(next).device))!.data).toMatchObject({ status: 'ACTIVE' })
})

test('a complete stage outlives its day, because the others may have it in force; then it goes', async () => {
  const epoch = await inForce()
  const next = await stagedNext(epoch)
  await completeStage(world.stores, nameOf(next), next.acks)
  world.clock.now += limits.PENDING_MS
  expect(await abortOldStages(world.stores)).toBe(0)
  expect((await readKey(world.stores, epoch.keyId))!.key.stage!.held.epoch).toBe(1)
  for (const name of Object.values(pairsIn(next))) expect((await pairAtOf(name))!.data.status).toBe('ACTIVE')

  world.clock.now += COMPLETE_STAGE_MS - limits.PENDING_MS
  expect(await abortOldStages(world.stores)).toBe(0)
  expect((await readKey(world.stores, epoch.keyId))!.key.stage).toBeNull()
  for (const name of Object.values(pairsIn(next))) expect(await pairAtOf(name)).toBeUndefined()
})

test('L4 a member that was away when the key was committed is shown that it is in force, however long ago', async () => {
  const epoch = dealt()
  const { keyId, share, people, stageId } = epoch
  await begin(epoch)
  await stage(epoch)
  const publicShare = share.publicShares[3]!
  const held = { ...share, self: device, secret: epoch.secrets[3]! }
  const clientShare = { keyId, publicKey: toHex(share.publicKey), share: toHex(publicShare) }
  const body = { name: 'late', clientShare: { ...clientShare, proof: toHex(provePossession(noble, held, world.rng)) } }
  const intent = intentBy(people[3]!, { op: 'keygen', keyId, epoch: 0 }, body, world.clock.now)
  const statement = commitStatement(noble, { keyId: share.keyId, stageId, epoch: 0, conf: share.conf })
  const receiptOf = (index: number) => {
    const signature = toHex(people[index - 1]!.sign(statement))
    return { index, receipt: { keyId, stageId: toHex(stageId), epoch: 0, conf: toHex(share.conf), signature } }
  }
  const shown = async (...indices: number[]) => {
    const commit = { op: 'keygen' as const, request: { body, intent } }
    return catchUp(world.stores, { backend: noble, identity }, { keyId, receipts: indices.map(receiptOf), commit })
  }
  await expect(shown(1, 3)).rejects.toMatchObject({ code: 'KEY_PENDING' })
  await completeStage(world.stores, nameOf(epoch), epoch.acks)
  world.clock.now += 7 * limits.PENDING_MS
  await expect(shown(1, 2)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'receipts' })
  await expect(shown(1, 4)).rejects.toMatchObject({ code: 'FORBIDDEN', details: 'receipts' })
  const { receipt } = await shown(1, 3)
  expect(await shown(3, 1)).toEqual({ receipt })
  const { key, status } = (await readKey(world.stores, keyId))!
  expect(status).toBe('READY')
  expect(JSON.parse(key.commitment!)).toMatchObject({ op: 'keygen', request: { body, intent } })
  for (const name of Object.values(pairsIn(epoch))) expect((await pairAtOf(name))!.expireAt).toBeUndefined()
})

test('a stage that is not complete goes after a day, and so does a key that nobody committed', async () => {
  const epoch = await inForce()
  const next = await stagedNext(epoch)
  const fresh = dealt()
  await begin(fresh)
  await stage(fresh)
  const complete = dealt()
  await begin(complete)
  await stage(complete)
  await completeStage(world.stores, nameOf(complete), complete.acks)
  world.clock.now += limits.PENDING_MS
  await abortOldStages(world.stores)
  expect((await readKey(world.stores, epoch.keyId))!.key.stage).toBeNull()
  expect((await pairAtOf(pairsIn(next).one))?.data.setup ?? null).toBeNull()
  expect(await readKey(world.stores, fresh.keyId)).toBeUndefined()
  expect((await readKey(world.stores, complete.keyId))!.status).toBe('PENDING')
})

test('a deleted key leaves no setup of any pair', async () => {
  const epoch = await inForce()
  const { keyId, people } = epoch
  const body = {}
  const intent = intentBy(people[3]!, { op: 'delete', keyId, epoch: 0 }, body, world.clock.now)
  await deleteKey(world.stores, { keyId, owner: OWNER, body, intent })
  for (const name of Object.values(pairsIn(epoch))) {
    expect((await pairAtOf(name))!.data).toMatchObject({ status: 'RETIRED', setup: null, epochKey: null })
  }
  expect((await world.stores.parties.get(keyAt(keyId)))!.data.current).toBeNull()
  const { docs } = await world.stores.parties.list('retirements', { limit: 10 })
  expect(docs).toEqual([])
})

test('L12 a commit confirms the hash of our own backup, and of all of them the whole', () => {
  const hashes = [1, 2, 3].map(() => world.rng(32))
  const staged = {
    committee: { self: 2, threshold: 2, identities: [] },
    publicShares: Array.from({ length: 4 }, () => new Uint8Array(33)),
  }
  const said = (nodes: readonly Uint8Array[], whole = taggedHash('backup/nodes', ...nodes)) => {
    const fields = { sigpair: toHex(whole), nodes: nodes.map((one) => toHex(one)), device: 'stored' as const }
    return confirmedBackup(staged, fields)
  }
  expect(said(hashes)).toEqual(hashes[1])
  expect(() => said(hashes, hashes[1])).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
  expect(() => said(hashes.slice(0, 2))).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
  expect(() => confirmedBackup(staged, { sigpair: toHex(hashes[1]!), device: 'stored' })).toThrow()
  expect(confirmedBackup(staged, { sigpair: 'waived', device: 'stored' })).toBe('waived')
  expect(confirmedBackup(undefined, { sigpair: toHex(hashes[0]!), device: 'stored' })).toEqual(hashes[0])
})

test('S23 a part is released of the presignature that the device names, and of no other', () => {
  const { share } = dealt()
  const signers = [self, partyIndex(3), device]
  const made = (id: Uint8Array) => {
    const nonce = new Once({ u: world.rng(32).with(0, 0), v: world.rng(32).with(0, 0), phi: world.rng(32).with(0, 0) })
    const R = noble.encode(noble.mulBase(5n))
    return encodePresignature({ id: sessionId(id), epoch: 0, signers, publicKey: share.publicKey, R, nonce })
  }
  const [id, other] = [world.rng(32), world.rng(32)]
  const message = { digest: world.rng(32), path: [], rhoS: world.rng(32) }
  const theirs = onlineShare(
    noble,
    decodePresignature(made(id)),
    { ...share, signers },
    { ...message, rhoD: world.rng(32) },
  )
  const job = (presignature: Uint8Array) => ({
    presignature,
    share: encodeSignatureShare(theirs.share),
    key: { ...share, signers },
    message,
  })
  expect(releasePart(job(made(id)))).toMatchObject({ nonce: noble.encode(noble.mulBase(5n)), share: { length: 64 } })
  expect(() => releasePart(job(made(other)))).toThrow('another presignature')
  expect(() => releasePart({ ...job(made(id)), key: { ...share, signers: [partyIndex(1), self, device] } })).toThrow()
})
