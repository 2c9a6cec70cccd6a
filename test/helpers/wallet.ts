import { createHash } from 'node:crypto'
import {
  ackMessage,
  keygen,
  type KeygenResult,
  type KeyShare,
  noble,
  openPair,
  presign,
  type Presignature,
  refresh,
  type Signature,
  sign,
  type SigningKey,
} from '@tandem/ecdsa'
import { keyId as keyIdOf, type SessionId, sessionId } from '@tandem/rounds'
import {
  beginKeygen,
  commitStage,
  completeStage,
  DEVICE,
  type PairInEpoch,
  type PairRecord,
  prepareSession,
  type SessionRecord,
  pairAt,
  SIGPAIR,
  stageKey,
  type Stores,
} from '@tandem/sigpair'
import {
  CONTROL,
  canonicalJson,
  fromHex,
  type Intent,
  intentBytes,
  type KeyRotateRequest,
  type PrepareSessionRequest,
  toBase64url,
  toHex,
} from '@tandem/wire'
import { fast } from './backends.ts'
import { dealtKey } from './dealt-key.ts'
import { type Conversation, createDevice, type Device, play } from './device.ts'
import { dial, OWNER, rng, type TestSigpair } from './sigpair.ts'

export const BOTH = [DEVICE, SIGPAIR] as const

/** A device with a key that is READY. */
export type Wallet = {
  readonly device: Device
  readonly keyId: string
  readonly key: SigningKey
  readonly pair: PairInEpoch
}

export const newKeyId = () => toHex(rng(32))

/** The device's side of key generation and rehearsal, up to its last word. */
export async function playKeygen(talk: Conversation, device: Device, keyId: string): Promise<KeygenResult> {
  const setup = {
    keyId: keyIdOf(fromHex(keyId)),
    self: DEVICE,
    threshold: 2,
    identities: [device.identity, fromHex(talk.answer.identity)],
  }
  const result = await play(talk, keygen(setup, { backend: fast, rng, sign: device.sign }))
  await playPresign(talk, keyOf(result), sessionId(fromHex(talk.answer.stageId ?? '')))
  return result
}

/** The device's side of a refresh and its rehearsal; with a recovery key also the backup, up to the device's last word. */
export type Refreshed = {
  readonly result: KeygenResult
  readonly stageId: Uint8Array
  /** the new backup of Sigpair's share, which nobody has verified yet */
  readonly backup: Uint8Array | undefined
}

export async function playRefresh(talk: Conversation, device: Device, old: KeyShare): Promise<Refreshed> {
  const stageId = fromHex(talk.answer.stageId ?? '')
  const share = { ...old, identities: [device.identity, fromHex(talk.answer.identity)] }
  const result = await play(talk, refresh({ share, stageId }, { backend: fast, rng, sign: device.sign }))
  await playPresign(talk, keyOf(result), sessionId(stageId))
  const backup = talk.answer.recoveryKey === undefined ? undefined : await heardBackup(talk)
  return { result, stageId, backup }
}

async function heardBackup(talk: Conversation): Promise<Uint8Array> {
  const { protocol, round, body } = await talk.next()
  if (protocol !== 'control' || round !== CONTROL.backup) throw new Error('Sigpair should have sent the backup')
  return body
}

/** A refresh over a socket to its end: both sides hold the stage, and nothing is in force yet. */
export async function stageRefresh(
  sigpair: TestSigpair,
  wallet: Pick<Wallet, 'device' | 'keyId' | 'key' | 'pair'>,
): Promise<Refreshed> {
  const talk = await dial(sigpair, wallet, { op: 'refresh' })
  const staged = await playRefresh(talk, wallet.device, wallet.key.share)
  talk.stored()
  await talk.done()
  return staged
}

/** The wallet once its stage is in force. */
export function renewed(wallet: Wallet, { result }: Refreshed): Wallet {
  const { epoch, ssid } = result.share
  return { ...wallet, key: keyOf(result), pair: { ...wallet.pair, ssid, epoch } }
}

/** What the enrolled device says to put a stage in force: the body, and its intent over it. */
export function rotateRequest(
  { device, keyId, key }: Pick<Wallet, 'device' | 'keyId' | 'key'>,
  stageId: Uint8Array,
  change: Partial<KeyRotateRequest['body']> = {},
): KeyRotateRequest {
  const backups = { sigpair: 'waived' as const, device: 'waived' as const }
  const body = { stageId: toHex(stageId), backups, ...change }
  return { body, intent: intentBy(device, { op: 'rotate', keyId, epoch: key.share.epoch + 1 }, body) }
}

/** A fresh intent of this device over this body. */
export function intentBy(
  { sign: signed }: Pick<Device, 'sign'>,
  about: Pick<Intent, 'op' | 'keyId' | 'epoch'>,
  body: object,
  nowMs = Date.now(),
): Intent {
  const bodyHash = toHex(createHash('sha256').update(canonicalJson(body)).digest())
  const unsigned = { ...about, bodyHash, nonce: toHex(rng(16)), expiry: Math.floor(nowMs / 1000) + 300 }
  return { ...unsigned, signature: toHex(signed(intentBytes(unsigned))) }
}

export function keyOf({ share, pairs }: KeygenResult): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(fast, pair)])) }
}

export async function playPresign(
  talk: Pick<Conversation, 'channel'>,
  key: SigningKey,
  sigid: SessionId,
): Promise<Presignature> {
  return play(talk, presign({ sigid, signers: BOTH }, key, { backend: fast, rng }))
}

/** A new key, generated over a socket to its end, and committed. */
export async function generateWallet(sigpair: TestSigpair, device = createDevice(rng)): Promise<Wallet> {
  const keyId = newKeyId()
  const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' })
  const result = await playKeygen(talk, device, keyId)
  talk.stored()
  await talk.done()
  const stageId = fromHex(talk.answer.stageId ?? '')
  await commit(sigpair.stores, keyId, stageId)
  return { device, keyId, key: keyOf(result), pair: { keyId, ssid: result.share.ssid, epoch: 0 } }
}

/** A key from a dealer, put into the stores the way a dialogue would have: for tests that are about what comes after. */
export async function dealWallet(sigpair: Pick<TestSigpair, 'stores'>, device = createDevice(rng)): Promise<Wallet> {
  const { stores } = sigpair
  const dealt = dealtKey(fast, 2, rng, 0)
  const { share, pairs } = dealt.keys.get(DEVICE)!
  const keyId = toHex(share.keyId)
  const theirs = { share: dealt.keys.get(SIGPAIR)!.share, pairs: dealt.setups.get(SIGPAIR)! }
  const { stageId } = await beginKeygen(stores, rng, { keyId, owner: OWNER, device: device.cnf })
  await stageKey(stores, { stageId, ...theirs, certificate: [] })
  const ack = device.sign(ackMessage(noble, 'keygen', share.conf, DEVICE))
  await completeStage(stores, { keyId, stageId, epoch: 0 }, [ack, new Uint8Array(64)])
  await commit(stores, keyId, stageId)
  return { device, keyId, key: { share, pairs }, pair: { keyId, ssid: share.ssid, epoch: 0 } }
}

async function commit(stores: Stores, keyId: string, stageId: Uint8Array): Promise<void> {
  await commitStage(stores, { keyId, stageId, intent: spent(keyId) })
}

/** An intent as it is after verification: only its nonce matters then. */
function spent(keyId: string): Intent {
  const bodyHash = toHex(createHash('sha256').digest())
  const expiry = Math.floor(Date.now() / 1000) + 300
  return { op: 'keygen', keyId, epoch: 0, bodyHash, nonce: toHex(rng(16)), expiry, signature: `0x${'00'.repeat(64)}` }
}

/** A presign dialogue for `count`, still holding `inventory`. */
export async function dialPresign(
  sigpair: TestSigpair,
  wallet: Pick<Wallet, 'device' | 'keyId'>,
  count = 1,
  { inventory = [], ...changes }: Parameters<typeof dial>[3] & { readonly inventory?: readonly Uint8Array[] } = {},
): Promise<{ readonly talk: Conversation; readonly sigids: readonly SessionId[] }> {
  const sigids = Array.from({ length: count }, () => sessionId(rng(32)))
  const hello = { op: 'presign' as const, count, sigids: sigids.map(toHex), inventory: inventory.map(toBase64url) }
  return { talk: await dial(sigpair, wallet, hello, changes), sigids }
}

/** Fills the stock by `count`; the device still holds `inventory`. */
export async function makePresignatures(
  sigpair: TestSigpair,
  wallet: Wallet,
  count: number,
  inventory: readonly Uint8Array[] = [],
): Promise<readonly Presignature[]> {
  const { talk, sigids } = await dialPresign(sigpair, wallet, count, { inventory })
  const made: Presignature[] = []
  for (const sigid of sigids) made.push(await playPresign(talk, wallet.key, sigid))
  talk.stored()
  await talk.done()
  return made
}

/** What the no-rollback database knows about the pair of this wallet. */
export async function pairRecord(
  { stores }: Pick<TestSigpair, 'stores'>,
  { pair }: Pick<Wallet, 'pair'>,
): Promise<PairRecord> {
  const doc = await stores.presignatures.get(pairAt(pair))
  if (!doc) throw new Error('there is no such pair')
  return doc.data
}

/** A payment to be signed, as functions would prepare it. */
export function payment({ keyId }: Pick<Wallet, 'keyId'>, path: readonly number[] = []): PrepareSessionRequest {
  const unsignedTx = {
    type: 'eip1559' as const,
    chainId: 31337,
    nonce: 0,
    maxPriorityFeePerGas: '1000000000',
    maxFeePerGas: '2000000000',
    gasLimit: '21000',
    to: toHex(rng(20)),
    value: '1',
    data: '0x',
  }
  const sessionId = `ses_${toBase64url(rng(16))}`
  return { sessionId, keyId, path: [...path], payload: { kind: 'transaction', unsignedTx } }
}

/** A payment that Sigpair has prepared. */
export async function prepared(
  { stores }: TestSigpair,
  wallet: Wallet,
  path?: readonly number[],
): Promise<SessionRecord> {
  return prepareSession(stores, { backend: fast, rng }, OWNER, payment(wallet, path))
}

/** An interactive signature over a prepared session, and the device's side of it, not begun. */
export async function dialSign(
  sigpair: TestSigpair,
  wallet: Wallet,
  session: SessionRecord,
  { request, grant }: Parameters<typeof dial>[3] = {},
): Promise<{ readonly talk: Conversation; readonly play: () => Promise<Signature> }> {
  const [sigid, rhoD] = [sessionId(rng(32)), rng(32)]
  const { digest, path, rhoS } = session
  const named = { sessionId: session.sessionId, digest: toHex(digest), path: [...path] }
  const hello = { op: 'sign' as const, sigid: toHex(sigid), rhoD: toHex(rhoD) }
  const talk = await dial(sigpair, wallet, hello, { request: request ?? {}, grant: { session: named, ...grant } })
  const message = { digest, path, rhoS, rhoD }
  const run = { sigid, signers: BOTH, message, assembler: SIGPAIR, range: 'evm' as const }
  return { talk, play: () => play(talk, sign(run, wallet.key, { backend: fast, rng })) }
}
