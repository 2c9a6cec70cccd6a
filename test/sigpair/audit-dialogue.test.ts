import { type AuditEntry, canonicalJson, fromHex, intentBytes, type Policy, toHex, utf8 } from '@tandem/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import { AUDIT_LINES, type AuditLineRecord } from '../../sigpair/src/audit/audit-records.ts'
import { setPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { createDevice } from '../helpers/device.ts'
import { OWNER, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import { flip, REPLY } from '../helpers/signing-fields.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { dealWallet, dialPresign, dialSign, payment, playPresign, prepared, type Wallet } from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet

beforeAll(async () => {
  sigpair = await startTestSigpair()
})
afterAll(() => sigpair.close())
beforeEach(async () => {
  wallet = await dealWallet(sigpair)
})

async function lines(): Promise<readonly AuditEntry[]> {
  const query = { prefix: `${wallet.keyId}:`, limit: 200 }
  const { docs } = await sigpair.stores.presignatures.list<AuditLineRecord>(AUDIT_LINES, query)
  return docs.map(({ data }) => JSON.parse(data.entry) as AuditEntry)
}

async function put(policy: Policy): Promise<void> {
  const unsigned = {
    op: 'policy' as const,
    keyId: wallet.keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson({ policy })))),
    nonce: toHex(rng(16)),
    expiry: Math.floor(Date.now() / 1000) + 300,
  }
  const intent = { ...unsigned, signature: toHex(wallet.device.sign(intentBytes(unsigned))) }
  await setPolicy(sigpair.stores, { policyDelayMs: 0 }, OWNER, { keyId: wallet.keyId, policy, intent })
}

const native = (amount: string): Policy => ({
  assets: [{ chainId: 31337, asset: 'native', windows: [{ seconds: 3600, amount }] }],
})

test('S19 an interactive signature is counted and has its line before it is stored', async () => {
  await put(native('1'))
  const [session, late] = [await prepared(sigpair, wallet), await prepared(sigpair, wallet)]
  const { talk, play } = await dialSign(sigpair, wallet, session)
  await play()
  talk.stored()
  await talk.done()
  expect((await lines()).slice(-2)).toMatchObject([
    { methodName: 'sign.release', metadata: { sessionId: session.sessionId, policy: 1 } },
    { methodName: 'sign.complete', metadata: { digest: toHex(session.digest) } },
  ])
  await expect(dialSign(sigpair, wallet, late)).rejects.toMatchObject({ code: 4006, reason: 'POLICY_DENIED' })
  expect((await lines()).at(-1)).toMatchObject({
    methodName: 'dialogue.sign',
    status: { code: 'POLICY_DENIED', message: 'assets eip155:31337/native windows 3600' },
  })
})

test('S19 of two dialogues that were both allowed to begin, the limit lets one sign', async () => {
  await put(native('1'))
  const talks = [
    await dialSign(sigpair, wallet, await prepared(sigpair, wallet)),
    await dialSign(sigpair, wallet, await prepared(sigpair, wallet)),
  ]
  const outcomes = await Promise.allSettled(talks.map(({ play }) => play()))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const ends = (await lines()).map(({ methodName, status }) => `${methodName} ${status.code}`)
  expect(ends.filter((end) => end === 'sign.release OK')).toHaveLength(1)
  expect(ends.filter((end) => end === 'sign.complete OK')).toHaveLength(1)
  talks.forEach(({ talk }) => talk.leave())
})

test('a refused dialogue leaves its line; a stranger’s and another device’s are told apart', async () => {
  const count = (await lines()).length
  const device = createDevice(rng)
  await expect(dialPresign(sigpair, { ...wallet, device })).rejects.toMatchObject({ reason: 'TICKET_INVALID' })
  expect((await lines()).slice(count)).toMatchObject([
    { methodName: 'dialogue.presign', status: { code: 'TICKET_INVALID', message: 'for another device' } },
  ])
  const grant = { sub: 'https://issuer.test|mallory' }
  await expect(dialPresign(sigpair, wallet, 1, { grant })).rejects.toMatchObject({ reason: 'NOT_FOUND' })
  expect(await lines()).toHaveLength(count + 1)
})

test('a cheat leaves a strike and its verdict, and the check that caught it stays untold', async () => {
  const tamper: Tamper = (sent) => (sent.round === 2 ? flip(sent.body, REPLY.mu, 0) : sent)
  const request = { tamper }
  const { talk, sigids } = await dialPresign(sigpair, wallet, 1, { request })
  await expect(playPresign(talk, wallet.key, sigids[0]!)).rejects.toMatchObject({ reason: 'PROTOCOL_ABORTED' })
  const [strike, abort] = (await lines()).slice(-2)
  expect(strike).toMatchObject({ methodName: 'pair.strike', metadata: { count: 1 } })
  expect(abort).toMatchObject({ methodName: 'dialogue.presign', metadata: { verdict: 'strike' } })
  expect(Object.keys(abort!.metadata)).toEqual(['verdict'])
})

test('the prepared payment is in the log by its digest alone', async () => {
  const { payload } = payment(wallet)
  const session = await prepared(sigpair, wallet)
  expect((await lines()).at(-1)).toMatchObject({
    methodName: 'sign.prepare',
    metadata: { sessionId: session.sessionId, digest: toHex(session.digest), kind: payload.kind },
  })
  expect(fromHex(toHex(session.digest))).toHaveLength(32)
})
