import {
  ackMessage,
  decodePresignature,
  encodePresignature,
  encodeSignatureShare,
  keygen,
  type KeygenResult,
  type KeyShare,
  onlineShare,
  openPair,
  presign,
  type Presignature,
  provePossession,
  refresh,
  rehearsalQuorums,
  type Signature,
  sign,
  type SigningKey,
} from '@tandem/ecdsa'
import { type Channel, keyId as keyIdOf, type Message, partyIndex, sessionId } from '@tandem/rounds'
import type { TicketGrant } from '@tandem/service'
import { beginKeygen, commitStage, completeStage, stageKey } from '@tandem/sigpair'
import { sha256 } from '@noble/hashes/sha2.js'
import { fromHex, type Hello, toBase64url, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { type Conversation, converse, createDevice, type Device, play } from '../helpers/device.ts'
import { OWNER, rng } from '../helpers/sigpair.ts'
import { intentBy } from '../helpers/wallet.ts'
import type { Members, TestMember } from './members.ts'

/** A device beside a committee, without the SDK: it does what the pages say, or what a test says. */
export type Wallet = {
  readonly device: Device
  readonly keyId: string
  readonly share: KeyShare
  readonly key: SigningKey
}

/** The device's legs, by member. */
export type Legs = {
  readonly talks: ReadonlyMap<number, Conversation>
  readonly channel: Channel
  readonly session: string
}

type Dialled = {
  readonly device: Device
  readonly keyId: string
  readonly epoch: number
  readonly grant?: Partial<TicketGrant>
  /** what becomes of the device's messages on their way out */
  readonly tamper?: (message: Message) => Message
}

type WithoutCommittee = Hello extends infer H ? (H extends Hello ? Omit<H, 'committee'> : never) : never

/** Opens a leg to each of these members, all with one ticket and one hello. */
export async function dialAll(
  members: Members,
  among: readonly TestMember[],
  { device, keyId, epoch, grant, tamper = (message) => message }: Dialled,
  hello: WithoutCommittee,
  committee: { readonly signers?: readonly number[]; readonly stageId?: string; readonly session?: string } = {},
): Promise<Legs> {
  const session = committee.session ?? toHex(rng(32))
  const { signers, stageId } = committee
  const said = { session, ...(signers && { signers: [...signers] }), ...(stageId !== undefined && { stageId }) }
  const full = { ...hello, committee: said } as Hello
  const ticket = await members.ticket({ sub: OWNER, op: full.op, keyId, epoch, cnf: device.cnf, ...grant })
  const opened = await Promise.all(
    among.map(async ({ index, url, sigpairKey }) => {
      const request = { url, sigpairKey, device, ticket, hello: full, tamper: (message: Message) => tamper(message) }
      return [index, await converse(request)] as const
    }),
  )
  const talks = new Map(opened)
  const legOf = (index: number) => {
    const talk = talks.get(index)
    if (!talk) throw new Error(`no leg to member ${index}`)
    return talk.channel
  }
  return {
    ...{ talks, session },
    channel: {
      send: (message) => legOf(message.to).send(message),
      receive: (from, signal) => legOf(from).receive(from, signal),
    },
  }
}

/** The device's last word on every leg, and every member's. */
export async function finish({ talks }: Legs): Promise<readonly unknown[]> {
  for (const talk of talks.values()) talk.stored()
  return Promise.all([...talks.values()].map(async (talk) => talk.done()))
}

export type Staged = { readonly result: KeygenResult; readonly stageId: Uint8Array; readonly legs: Legs }

/** Key generation and every rehearsal, up to the device's last word. */
export async function playKeygen(members: Members, device: Device, keyId: string): Promise<Staged> {
  const stageId = rng(32)
  const legs = await dialAll(
    members,
    members.all,
    { device, keyId, epoch: 0 },
    { op: 'keygen' },
    { stageId: toHex(stageId) },
  )
  const setup = {
    keyId: keyIdOf(fromHex(keyId)),
    self: partyIndex(members.all.length + 1),
    threshold: members.threshold + 1,
    withDevice: true,
    identities: [...members.all.map(({ identity }) => identity.publicKey), device.identity],
  }
  const result = await play(legs, keygen(setup, { backend: fast, rng, sign: device.sign }))
  await rehearse(legs, result)
  return { result, stageId, legs }
}

export async function playRefresh(members: Members, wallet: Wallet): Promise<Staged> {
  return renew(members, wallet, { op: 'refresh' })
}

/** With a new device; the share is the lost one's. */
export async function playRecover(
  members: Members,
  wallet: Wallet,
  restore: { readonly restoreId: string; readonly proof: string },
): Promise<Staged> {
  return renew(members, wallet, { op: 'recover', ...restore })
}

async function renew(members: Members, { device, keyId, share }: Wallet, hello: WithoutCommittee): Promise<Staged> {
  const stageId = rng(32)
  const dialled = { device, keyId, epoch: share.epoch }
  const legs = await dialAll(members, members.all, dialled, hello, { stageId: toHex(stageId) })
  const old = { ...share, identities: share.identities.with(-1, device.identity) }
  const setup = { share: old, stageId: sessionId(stageId) }
  const result = await play(legs, refresh(setup, { backend: fast, rng, sign: device.sign }))
  await rehearse(legs, result)
  return { result, stageId, legs }
}

async function rehearse(legs: Legs, { share, pairs }: KeygenResult): Promise<void> {
  const key = keyOf({ share, pairs })
  for (const signers of rehearsalQuorums(share)) {
    const sigid = sessionId(sha256(Uint8Array.of(...share.ssid, ...signers)))
    await play(legs, presign({ sigid, signers }, key, { backend: fast, rng }))
  }
}

export function keyOf({ share, pairs }: Pick<KeygenResult, 'share' | 'pairs'>): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(fast, pair)])) }
}

export function walletOf(device: Device, keyId: string, result: KeygenResult): Wallet {
  return { device, keyId, share: result.share, key: keyOf(result) }
}

/** What the device sends to put a generated key in force. */
export function firstCommit({ device, keyId, share }: Wallet) {
  const proof = provePossession(fast, share, rng)
  const clientShare = {
    keyId,
    publicKey: toHex(share.publicKey),
    share: toHex(share.publicShares[share.self - 1]!),
    proof: toHex(proof),
  }
  const body = { name: 'Beside a committee', clientShare }
  return { body, intent: intentBy(device, { op: 'keygen', keyId, epoch: 0 }, body) }
}

/** A key from a dealer, put into every member's stores as a dialogue and a commit would have: for tests of what comes after. */
export async function deal(members: Members): Promise<Wallet> {
  const device = createDevice(rng)
  const n = members.all.length
  const dealt = dealtDeviceKey(fast, members.threshold, n, rng)
  const identities = [...members.all.map(({ identity }) => identity.publicKey), device.identity]
  const shareOf = (index: number): KeyShare => ({ ...dealt.keys.get(partyIndex(index))!.share, identities })
  const own = shareOf(n + 1)
  const keyId = toHex(own.keyId)
  const signers = [...members.all.map(({ identity }) => identity.sign), device.sign]
  const acks = signers.map((signed, at) => signed(ackMessage(fast, 'keygen', own.conf, partyIndex(at + 1))))
  for (const { index, stores } of members.all) {
    const { stageId } = await beginKeygen(stores, rng, { keyId, owner: OWNER, device: device.cnf })
    const pairs = dealt.setups.get(partyIndex(index))!
    await stageKey(stores, { stageId, share: shareOf(index), pairs, certificate: [] })
    await completeStage(stores, { keyId, stageId, epoch: 0 }, acks)
    await commitStage(stores, { keyId, stageId, intent: intentBy(device, { op: 'keygen', keyId, epoch: 0 }, {}) })
  }
  return { device, keyId, share: own, key: { share: own, pairs: dealt.keys.get(partyIndex(n + 1))!.pairs } }
}

type Presigning = {
  readonly count?: number
  /** what the device still holds */
  readonly inventory?: readonly Uint8Array[]
  readonly tamper?: (message: Message) => Message
}

/** Of an encoded presignature. */
export const idOf = (presignature: Uint8Array): Uint8Array => presignature.slice(1, 33)

/** Presignatures by these members and the device, kept as bytes: they can be used twice. */
export async function makePresignatures(
  members: Members,
  wallet: Wallet,
  signers: readonly number[],
  { count = 1, inventory = [], tamper }: Presigning = {},
): Promise<readonly Uint8Array[]> {
  const sigids = Array.from({ length: count }, () => rng(32))
  const { device, keyId, share } = wallet
  const among = signers.map(members.at)
  const hello = {
    op: 'presign' as const,
    count,
    sigids: sigids.map(toHex),
    inventory: inventory.map((made) => toBase64url(idOf(made))),
  }
  const parties = [...signers.map(partyIndex), share.self]
  const legs = await dialAll(members, among, { device, keyId, epoch: share.epoch, ...(tamper && { tamper }) }, hello, {
    signers: parties,
  })
  const made: Presignature[] = []
  for (const sigid of sigids) {
    made.push(
      await play(legs, presign({ sigid: sessionId(sigid), signers: parties }, wallet.key, { backend: fast, rng })),
    )
  }
  await finish(legs)
  return made.map(encodePresignature)
}

export type Prepared = { readonly digest: Uint8Array; readonly path: readonly number[]; readonly rhoS: Uint8Array }

/** p1SignatureShare of a prepared session. */
export function shareFor({ share }: Wallet, presignature: Uint8Array, { digest, path, rhoS }: Prepared): string {
  const opened = decodePresignature(presignature)
  const { publicKey, chainCode, epoch } = share
  const current = { publicKey, chainCode, epoch, signers: opened.signers }
  const online = onlineShare(fast, opened, current, { digest, path, rhoS, rhoD: rng(32) })
  return toBase64url(encodeSignatureShare(online.share))
}

/** The device's side of an interactive signature. */
export async function playSign(
  legs: Legs,
  wallet: Wallet,
  {
    sigid,
    rhoD,
    signers,
    ...message
  }: Prepared & { readonly sigid: Uint8Array; readonly rhoD: Uint8Array; readonly signers: readonly number[] },
): Promise<Signature> {
  const session = {
    sigid: sessionId(sigid),
    signers: signers.map(partyIndex),
    assembler: 'all' as const,
    range: 'evm' as const,
  }
  return play(legs, sign({ ...session, message: { ...message, rhoD } }, wallet.key, { backend: fast, rng }))
}
