import { TRUST_ON_FIRST_USE, memoryVault } from '@tandem/client'
import { createRecoveryKit, openCommitteeBackups } from '@tandem/client/backup'
import { combineShares, decodeShare, decodeSignature, derive, type Presignature } from '@tandem/ecdsa'
import { type BackupResponse, fromHex, type MemberCompletion, type StageResponse, toHex } from '@tandem/wire'
import { WebSocket } from 'ws'
import type { Api } from '../../shared/client/src/api.ts'
import { createDevice, type Device } from '../../shared/client/src/device.ts'
import { defaultPlatform } from '../../shared/client/src/platform.ts'
import { backUp } from '../../shared/client/src/wallet/back-up.ts'
import { createWallet, type Wallet } from '../../shared/client/src/wallet/create-wallet.ts'
import { fillPresignatures } from '../../shared/client/src/wallet/presignatures.ts'
import { reconcile } from '../../shared/client/src/wallet/reconcile.ts'
import { signSession } from '../../shared/client/src/wallet/sign-session.ts'
import { rotateKey } from '../../shared/client/src/wallet/rotate.ts'
import { createStock } from '../../shared/client/src/wallet/stock.ts'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { paperGateway, type PaperLeg } from '../helpers/paper-gateway.ts'
import { seeded } from '../helpers/rng.ts'
import { OWNER } from '../helpers/sigpair.ts'
import { refusals } from '../helpers/verifiers.ts'
import { newKeyId } from '../helpers/wallet.ts'
import { addUp, complete, prepare, type PreparedSession } from '../member/calls.ts'
import type { Wallet as BareWallet } from '../member/device.ts'
import { type Members, startMembers, type TestMember } from '../member/members.ts'

// The SDK beside three members that run, with databases and threads of their own; only gateway and backend are of paper.

let members: Members
let device: Device
let wallet: Wallet
const stock = createStock<Presignature>(() => 0)
const deaf = new Set<number>()
let session: PreparedSession | undefined

beforeAll(async () => {
  members = await startMembers()
  const gateway = paperGateway([1, 2, 3], pipe)
  const platform = { ...defaultPlatform(), connect: gateway.connect }
  const deps = {
    platform,
    backend: fast,
    vault: memoryVault(),
    onProgress: () => undefined,
    baseUrl: 'http://127.0.0.1',
  }
  device = createDevice({ ...deps, pin: TRUST_ON_FIRST_USE, api: backend() as Api })
})
afterAll(async () => members.close())

/** One leg, to the member's own socket. */
function pipe(index: number, leg: PaperLeg): void {
  const socket = new WebSocket(`${members.at(index).url}/v1/${leg.operation}`, 'tandem.v1')
  socket.on('message', (bytes: Buffer) => leg.send(Uint8Array.from(bytes)))
  socket.on('close', (code, reason) => leg.end(code, reason.toString()))
  socket.on('open', () => {
    const carry = async (): Promise<void> => {
      socket.send(await leg.next())
      return carry()
    }
    carry().catch(() => socket.close())
  })
}

/** Every member's answer to one call, as a gateway lists them. */
async function all<T>(path: string, body?: object): Promise<readonly ({ readonly index: number } & T)[]> {
  const answers = members.all
    .filter(({ index }) => !deaf.has(index))
    .map(async (member: TestMember) => {
      const method = body === undefined ? ('GET' as const) : ('POST' as const)
      const { status, body: said } = await members.call(member, { method, path, ...(body && { body }) })
      if (status !== 200) throw new Error(`member ${member.index}: ${JSON.stringify(said)}`)
      return { index: member.index, ...(said as T) }
    })
  return Promise.all(answers)
}

function backend(): Partial<Api> {
  const nodes = () =>
    members.all.map(({ sigpairKey, identity }) => ({
      publicKey: toHex(sigpairKey),
      identity: toHex(identity.publicKey),
    }))
  let epoch = 0
  const first = <T>(entries: readonly T[]) => ({ ...entries[0]!, nodes: [...entries] })
  return {
    cloudPublicKey: async () => ({ ...nodes()[0]!, keyVersion: 1, committee: { threshold: 2, nodes: nodes() } }),
    ticket: async ({ operation: op, keyId = newKeyId() }) => {
      const { identity, exchange } = await device.identity()
      const cnf = { identity: toHex(identity), exchange: toHex(exchange) }
      const named = session && { ...session, digest: toHex(session.digest), path: [...session.path] }
      const about =
        op === 'sign' && named ? { sessionId: named.sessionId, digest: named.digest, path: named.path } : undefined
      const ticket = await members.ticket({ sub: OWNER, op, keyId, epoch, cnf, ...(about && { session: about }) })
      return {
        ticket,
        keyId,
        sigpairUrl: 'ws://paper',
        cloudPublicKey: nodes()[0]!.publicKey,
        expiresAt: 2_000_000_000,
      }
    },
    createProfile: async ({ name, clientShare, intent }) => {
      const done = await all('/internal/keys/commit', { body: { name, clientShare }, intent })
      return {
        profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA',
        sessionWalletAddress: `0x${'00'.repeat(20)}`,
        ...first(done),
      } as never
    },
    rotateKey: async ({ stageId, backups, intent }) => {
      const done = await all(`/internal/keys/${wallet.keyId}/rotate`, { body: { stageId, backups }, intent })
      epoch += 1
      return first(done) as never
    },
    stage: async ({ stageId, epoch: next }) =>
      first(await all<StageResponse>(`/internal/keys/${wallet.keyId}/stages/${stageId}?epoch=${next}`)),
    abortStage: async ({ stageId, epoch: next }) =>
      first(await all<StageResponse>(`/internal/keys/${wallet.keyId}/stages/${stageId}/abort`, { epoch: next })),
    backUp: async ({ encryptionKey, intent }) =>
      first(await all<BackupResponse>(`/internal/keys/${wallet.keyId}/backup`, { body: { encryptionKey }, intent })),
  }
}

const recordOf = async () => loadWallet(device.vault, wallet.keyId)

test('makes a key, and presignatures with any two of them', async () => {
  wallet = await createWallet(device, 'Beside members')
  expect(decodeShare(fast, (await recordOf()).current!.share)).toMatchObject({ self: 4, threshold: 3, parties: 4 })
  expect(await fillPresignatures(device, stock, wallet.keyId, 2)).toBe(2)
  device.standing.failed([1])
  expect(await fillPresignatures(device, stock, wallet.keyId, 3)).toBe(3)
  expect(stock.take(wallet.keyId, ({ signers }) => (signers[0] === 2 ? 0 : undefined))?.signers).toEqual([2, 3, 4])
}, 60_000)

test('pays with presignatures, and in a dialogue when there are none', async () => {
  device.standing.answered([1])
  stock.keep(wallet.keyId, ({ signers }) => signers[0] === 1)
  const { keyId } = wallet
  const share = decodeShare(fast, (await recordOf()).current!.share)
  const hows: string[] = []
  for (const _ of [1, 2, 3]) {
    session = await prepare(members, { keyId } as BareWallet)
    const { publicKey } = derive(fast, share, session.path)
    const signature = await signSession(device, stock, keyId, session, async (own) => completed(session!, own, hows))
    expect(refusals(decodeSignature(signature)!, { text: '', digest: session.digest }, publicKey)).toEqual(['openssl'])
  }
  expect(hows).toEqual(['presignature', 'presignature', 'dialogue'])
}, 60_000)

/** r ‖ s ‖ recovery id, as a gateway ends a session. */
async function completed(prepared: PreparedSession, own: string | undefined, hows: string[]): Promise<Uint8Array> {
  hows.push(own === undefined ? 'dialogue' : 'presignature')
  const answers = await Promise.all(
    members.all.map(async (member) => ({ index: member.index, ...(await complete(members, member, prepared, own)) })),
  )
  const said = answers.map(({ index, body }) => ({ index, completion: body as MemberCompletion }))
  const stored = said.flatMap(({ completion }) => completion.signature ?? [])
  return own === undefined ? fromHex(stored[0]!) : addUp(prepared, own, said)
}

test('rotates it, with a backup of every member’s new share', async () => {
  const kit = createRecoveryKit(seeded('kit of members'))
  await backUp(device, wallet, { encryptionKey: kit.encryptionKey })
  const backups = { seal: async (content: Uint8Array) => content, save: async () => undefined }
  const { epoch, backup, rotation } = await rotateKey(device, stock, wallet, { backups })
  expect([epoch, rotation?.to, backup?.nodes?.length]).toEqual([1, 1, 3])
  const share = decodeShare(fast, (await recordOf()).current!.share)
  const opened = openCommitteeBackups(fast, share, { encryptedData: backup!.encryptedData, dk: kit.dk })
  expect(toHex(combineShares(fast, [share, ...opened.slice(1)]).publicKey)).toBe(wallet.publicKey)
  expect(await fillPresignatures(device, stock, wallet.keyId, 1)).toBe(1)
}, 60_000)

test('gives a stage up that no member has committed, and repeats a commit that one has', async () => {
  const { api } = device
  const honest = { ...api }
  const lost = async () => Promise.reject(new Error('cut off'))
  Object.assign(api, { rotateKey: lost, stage: lost })
  await expect(rotateKey(device, stock, wallet, { backups: 'waived' })).rejects.toThrow('cut off')
  const open = await recordOf()
  expect([open.current?.epoch, open.stage?.epoch, open.commit?.stageId]).toEqual([1, 2, open.stage?.stageId])

  Object.assign(api, honest)
  await reconcile(device, stock, wallet.keyId)
  const { current, stage, commit: left } = await recordOf()
  expect([current?.epoch, stage, left]).toEqual([2, null, undefined])
}, 60_000)
