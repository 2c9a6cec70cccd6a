import { sha256 } from '@noble/hashes/sha2.js'
import { noble, provePossession } from '@tandem/ecdsa'
import { createLog, handle, listen, type PublicJwk, trustKeys } from '@tandem/service'
import { internalRoutes, loadIdentity } from '@tandem/sigpair'
import {
  type AuditPage,
  type AuditProof,
  canonicalJson,
  type CreateProfileResponse,
  type EnrolResponse,
  firstAuditBreak,
  intentBytes,
  type PolicyResponse,
  toHex,
  utf8,
} from '@tandem/wire'
import { URI } from 'otpauth'
import { startKms, type TestKms } from '../sigpair/kms.ts'
import { begin, complete, intentFor, openWorld, stage, testKey, type TestKey, type World } from '../sigpair/world.ts'
import { type Backend, type SigpairLike, startBackend } from './backend.ts'

let kms: TestKms
let sigpair: World
let backend: Backend<SigpairLike>

const noWorker = async () => Promise.reject(new Error('no worker in this test'))

/** Sigpair's internal half, as it runs. */
async function startSigpair({ functions, duoNode }: Record<'functions' | 'duoNode', PublicJwk>) {
  const identity = await loadIdentity(sigpair.stores)
  const routes = internalRoutes({
    stores: sigpair.stores,
    identity,
    backend: noble,
    rng: sigpair.rng,
    policyDelayMs: 86_400_000,
    complete: noWorker,
    tasks: { encryptShare: noWorker, proveShare: noWorker, sealShare: noWorker },
    callers: {
      duoNode: { issuer: 'duo-node', keys: trustKeys([duoNode]) },
      backend: { issuer: 'functions', keys: trustKeys([functions]) },
    },
  })
  const log = createLog({ name: 'sigpair', level: 'silent' })
  const serving = await listen(handle(routes, { log, hosts: ['127.0.0.1'] }), { name: 's', host: '127.0.0.1', port: 0 })
  return { url: `http://127.0.0.1:${serving.port}`, close: serving.close }
}

beforeAll(async () => {
  kms = await startKms()
  sigpair = openWorld(kms.client, 'policy over http')
  sigpair.clock.now = Date.now()
  backend = await startBackend('http://127.0.0.1:1', startSigpair)
})
afterAll(async () => {
  await backend.close()
  await sigpair.close()
  await kms.stop()
})

/** A profile of this user, over a key from a dealer. */
async function profileOf(user: string): Promise<{ readonly key: TestKey; readonly profileId: string }> {
  const key = { ...testKey(sigpair.rng.fork(user)), owner: backend.issuer.userOf(user) }
  await begin(sigpair, key)
  await stage(sigpair, key)
  await complete(sigpair, key)
  const [share] = key.shares
  const body = {
    name: 'Savings',
    clientShare: {
      keyId: key.keyId,
      publicKey: toHex(share!.publicKey),
      share: toHex(share!.publicShares[0]!),
      proof: toHex(provePossession(noble, share!, sigpair.rng)),
    },
  }
  const request = { ...body, intent: intentFor(sigpair, key, body) }
  const { body: made } = await backend.call<CreateProfileResponse>(user, 'POST', '/api/v2/profiles', request)
  return { key, profileId: made.profileId }
}

function change({ keyId, sign }: TestKey, policy: object | null) {
  const unsigned = {
    op: 'policy' as const,
    keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson({ policy })))),
    nonce: toHex(sigpair.rng(16)),
    expiry: Math.floor(Date.now() / 1000) + 300,
  }
  return { policy, intent: { ...unsigned, signature: toHex(sign(intentBytes(unsigned))) } }
}

async function enrol(user: string, { keyId, sign }: TestKey) {
  const unsigned = {
    op: '2fa' as const,
    keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson({ enrol: 'totp' })))),
    nonce: toHex(sigpair.rng(16)),
    expiry: Math.floor(Date.now() / 1000) + 300,
  }
  const intent = { ...unsigned, signature: toHex(sign(intentBytes(unsigned))) }
  const { body } = await backend.call<EnrolResponse>(user, 'POST', '/api/v1/2fa/enrol', { intent })
  const totp = URI.parse(body.otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const code = (at: number) => totp.generate({ timestamp: Date.now() + at * 30_000 })
  await backend.call(user, 'POST', '/api/v1/2fa/confirm', { code: code(-1) })
  return code
}

test('an owner changes the policy with device and second factor, and Sigpair holds him to it', async () => {
  const { key, profileId } = await profileOf('ada')
  const path = `/api/v1/profiles/${profileId}/policy`
  expect((await backend.call<PolicyResponse>('ada', 'GET', path)).body).toMatchObject({
    version: 0,
    inForce: [],
    pending: null,
    audit: { keyId: key.keyId },
  })
  const policy = { chains: [1], recipients: [`0x${'aa'.repeat(20)}`] }
  const request = change(key, policy)
  expect((await backend.call('ada', 'PUT', path, request)).body.error).toBe('TWO_FACTOR_REQUIRED')
  const code = await enrol('ada', key)
  const done = await backend.call<PolicyResponse>('ada', 'PUT', path, { ...request, twoFactorCode: code(0) })
  expect(done).toMatchObject({ status: 200, body: { version: 1, inForce: [policy], pending: null } })
  // What was proved for this intent is proved: the answer may have been lost.
  expect(await backend.call('ada', 'PUT', path, request)).toMatchObject({ status: 200, body: done.body })
  expect((await backend.call<PolicyResponse>('ada', 'GET', path)).body).toEqual(done.body)

  const refused = await backend.call('ada', 'POST', '/api/v1/mpc/sign-message', { profileId, message: 'hello' })
  expect(refused).toMatchObject({ status: 403, body: { error: 'POLICY_DENIED', details: 'messages' } })
})

test('another user’s policy and log are absent', async () => {
  const { key, profileId } = await profileOf('bea')
  const path = `/api/v1/profiles/${profileId}/policy`
  expect((await backend.call('eve', 'GET', path)).status).toBe(404)
  expect((await backend.call('eve', 'PUT', path, change(key, null))).status).toBe(404)
  expect((await backend.call('eve', 'GET', `/api/v1/audit?keyId=${key.keyId}`)).status).toBe(404)
  expect((await backend.call('eve', 'GET', `/api/v1/audit/proof/1?keyId=${key.keyId}`)).status).toBe(404)
})

test('an owner reads the log of his key, page by page, as an unbroken chain', async () => {
  const { key } = await profileOf('cid')
  const first = await backend.call<AuditPage>('cid', 'GET', `/api/v1/audit?keyId=${key.keyId}&limit=3`)
  expect(first).toMatchObject({ status: 200, body: { next: 3 } })
  const rest = await backend.call<AuditPage>('cid', 'GET', `/api/v1/audit?keyId=${key.keyId}&after=3`)
  const lines = [...first.body.lines, ...rest.body.lines]
  expect(firstAuditBreak(lines)).toBeUndefined()
  expect(lines.at(-1)).toMatchObject({ hash: rest.body.head.hash, entry: { methodName: 'keygen.commit' } })
  const proof = await backend.call<AuditProof>('cid', 'GET', `/api/v1/audit/proof/2?keyId=${key.keyId}`)
  expect(proof.body.lines[0]).toEqual(lines[1])
})
