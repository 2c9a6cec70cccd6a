import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cancelBatch,
  createUsable,
  loadIdentity,
  openCheck,
  poison,
  readKey,
  recordFailure,
  reconcile,
  type SigpairIdentity,
  strike,
} from '@tandem/sigpair'
import {
  type AuditLine,
  type AuditPage,
  canonicalJson,
  firstAuditBreak,
  intentBytes,
  limits,
  toHex,
} from '@tandem/wire'
import { LOCAL_AUDIT_KEY } from '@tandem/local'
import { problemOf } from '../../infra/local/src/audit-verify.ts'
import { checkpointAll } from '../../sigpair/src/audit/audit-checkpoint.ts'
import { auditDenied } from '../../sigpair/src/audit/audit-denied.ts'
import { watched } from '../../sigpair/src/audit/audit-dialogue.ts'
import { deliverOutbox } from '../../sigpair/src/audit/audit-outbox.ts'
import { readAuditPage, readAuditProof } from '../../sigpair/src/audit/audit-read.ts'
import { AUDIT_METHODS, AUDIT_OUTBOX } from '../../sigpair/src/audit/audit-records.ts'
import { principalOf, writeAudit } from '../../sigpair/src/audit/audit.ts'
import { attest } from '../../sigpair/src/keys/attest.ts'
import { failKeygen } from '../../sigpair/src/keys/key-store.ts'
import type { Operation } from '../../sigpair/src/dialogue/operation.ts'
import { markStale } from '../../sigpair/src/keys/pair-store.ts'
import { setPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { cancelSession } from '../../sigpair/src/sign/cancel-session.ts'
import { proveSession } from '../../sigpair/src/sign/prove-session.ts'
import { batchOf, prepareHere } from './batches.ts'
import { dealPresignature } from './deal-presignature.ts'
import { startKms, type TestKms } from './kms.ts'
import { preparePayment, signPayment } from './payments.ts'
import { begin, intentFor, openWorld, OWNER, readyKeyIn, stage, testKey, type TestKey, type World } from './world.ts'

const VERSION = `${LOCAL_AUDIT_KEY}/cryptoKeyVersions/1`

let kms: TestKms
let world: World
let key: TestKey
let identity: SigpairIdentity['identity']

beforeAll(async () => (kms = await startKms()))
afterAll(async () => kms.stop())
beforeEach(async () => {
  world = openWorld(kms.client, expect.getState().currentTestName ?? '')
  key = await readyKeyIn(world)
  identity = (await loadIdentity(world.stores)).identity
})
afterEach(async () => world.close())

const reader = () => ({ stores: world.stores, identity })
const page = async (change: object = {}): Promise<AuditPage> =>
  readAuditPage(reader(), OWNER, { keyId: key.keyId, after: 0, limit: 200, ...change })
const methods = async ({ keyId } = key) => (await page({ keyId })).lines.map(({ entry }) => entry.methodName)
const sign = async () => signPayment(world, key, await preparePayment(world, key))

test('a key’s life is a chain of lines, each hashed over the one before it', async () => {
  await sign()
  const { lines, head } = await page()
  expect(lines.map(({ entry }) => entry.methodName)).toEqual([
    'keygen.begin',
    'keygen.stage',
    'keygen.complete',
    'keygen.commit',
    'sign.prepare',
    'presign.create',
    'sign.release',
    'sign.complete',
  ])
  let prev = Buffer.alloc(32)
  for (const { entry, hash } of lines) {
    prev = createHash('sha256').update('mpc-audit/1\n').update(prev).update(canonicalJson(entry)).digest()
    expect(hash).toBe(`0x${prev.toString('hex')}`)
  }
  expect(head).toMatchObject({ keyId: key.keyId, seq: 8, hash: lines.at(-1)?.hash })
  expect(lines[0]?.entry).toMatchObject({
    seq: 1,
    timestamp: new Date(world.clock.now).toISOString(),
    serviceName: 'sigpair',
    resourceName: `keys/${key.keyId}`,
    authenticationInfo: { principalSubject: principalOf(OWNER) },
    status: { code: 'OK' },
  })
})

/** Every operation there is, and what makes its line. */
const DOINGS: Record<string, () => Promise<unknown>> = {
  'keygen.fail': async () => {
    const other = testKey(world.rng.fork('other'))
    await begin(world, other)
    await stage(world, other)
    await failKeygen(world.stores, other.keyId)
    return other
  },
  'presign.reconcile': async () => {
    await createUsable(world.stores, world.stores.sealer, key.pair, [dealPresignature(key, world.rng).sigpair()])
    await reconcile(world.stores, key.pair, [])
  },
  'sign.fail': async () => recordFailure(world.stores, key.pair),
  'pair.strike': async () => strike(world.stores, key.pair),
  'pair.suspend': async () => {
    for (let i = 0; i < limits.MAX_STRIKES; i++) await strike(world.stores, key.pair)
  },
  'pair.freeze': async () => poison(world.stores, key.pair),
  'pair.stale': async () => markStale(world.stores, key.pair),
  'sign.cancel': async () => {
    const { sessionId } = await preparePayment(world, key)
    await cancelSession(world.stores, { sessionId, keyId: key.keyId, owner: OWNER })
  },
  'batch.cancel': async () => {
    const request = batchOf(world, key, [{}])
    await prepareHere(world, request)
    await cancelBatch(world.stores, { batchId: request.batchId, keyId: key.keyId, owner: OWNER })
  },
  'sign.prove': async () => {
    const { sessionId } = await preparePayment(world, key)
    await proveSession(world.stores, { sessionId, keyId: key.keyId, owner: OWNER })
  },
  'key.attest': async () => {
    const body = { enrol: 'passkey' as const }
    const intent = { ...intentFor(world, key, body), op: '2fa' as const }
    const signed = { ...intent, signature: toHex(key.sign(intentBytes(intent))) }
    await attest(world.stores, OWNER, { keyId: key.keyId, body, intent: signed })
  },
  'policy.change': async () => {
    const intent = { ...intentFor(world, key, { policy: null }), op: 'policy' as const }
    const signed = { ...intent, signature: toHex(key.sign(intentBytes(intent))) }
    await setPolicy(world.stores, { policyDelayMs: 0 }, OWNER, { keyId: key.keyId, policy: null, intent: signed })
  },
}

test.each(Object.entries(DOINGS))('%s leaves its line', async (method, doing) => {
  const about = ((await doing()) ?? key) as TestKey
  expect(await methods(about)).toContain(method)
})

/** What the tests of other operations say of their lines. */
const elsewhere = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && file !== 'audit.test.ts')
  .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
  .join('\n')

test('every kind of line is made by a test, here or where its operation is tested', async () => {
  const life = ['keygen.begin', 'keygen.stage', 'keygen.complete', 'keygen.commit', 'presign.create']
  const signing = ['sign.prepare', 'sign.release', 'sign.complete']
  const known = [...life, ...signing, ...Object.keys(DOINGS)]
  const isTested = (method: string) =>
    known.includes(method) || method.startsWith('dialogue.') || elsewhere.includes(`'${method}'`)
  expect(AUDIT_METHODS.filter((method) => !isTested(method))).toEqual([])
})

test('a pair that runs out of checks says so', async () => {
  for (let i = 0; i < limits.MAX_OPEN_CHECKS; i++) await openCheck(world.stores, key.pair, world.rng(32))
  await expect(openCheck(world.stores, key.pair, world.rng(32))).rejects.toMatchObject({ code: 'KEY_FROZEN' })
  expect((await page()).lines.at(-1)?.entry).toMatchObject({
    methodName: 'pair.stale',
    metadata: { reason: 'open checks' },
  })
  expect((await readKey(world.stores, key.keyId))?.status).toBe('STALE')
})

test('a refusal leaves its line before the caller hears of it, and a stranger’s leaves none', async () => {
  const attempt = { method: 'sign.prepare' as const, keyId: key.keyId, owner: OWNER }
  await poison(world.stores, key.pair)
  const prepare = async () => auditDenied(world.stores, attempt, async () => preparePayment(world, key))
  await expect(prepare()).rejects.toMatchObject({ code: 'KEY_FROZEN' })
  const { lines } = await page()
  expect(lines.at(-1)?.entry).toMatchObject({
    methodName: 'sign.prepare',
    status: { code: 'KEY_FROZEN', message: 'FROZEN' },
  })
  const stranger = { ...attempt, owner: 'https://issuer.test|mallory' }
  await expect(auditDenied(world.stores, stranger, prepare)).rejects.toMatchObject({ code: 'KEY_FROZEN' })
  expect((await page()).lines).toHaveLength(lines.length + 1)
})

test('an abort leaves its verdict, never its cause, and a strike is counted once however often its line fails', async () => {
  const attempt = { method: 'dialogue.sign' as const, keyId: key.keyId, owner: OWNER }
  let strikes = 0
  const operation = { aborted: async () => void (strikes += 1) } as unknown as Operation
  let down = true
  const transaction: typeof world.stores.presignatures.transaction = async (fn, options) => {
    if (down) throw new Error('down')
    return world.stores.presignatures.transaction(fn, options)
  }
  const stores = { ...world.stores, presignatures: { ...world.stores.presignatures, transaction } }
  const { aborted } = watched(stores, attempt, operation)
  const abort = { verdict: 'strike', code: 'BAD_GAMMA', round: 2, culprits: [1] } as const
  await expect(aborted(abort as never)).rejects.toThrow('down')
  down = false
  await aborted(abort as never)
  expect(strikes).toBe(1)
  const { entry } = (await page()).lines.at(-1)!
  expect(entry).toMatchObject({ methodName: 'dialogue.sign', metadata: { verdict: 'strike' } })
  expect(JSON.stringify(entry)).not.toContain('GAMMA')
})

test('a line that a crash left behind is delivered once, by whoever comes first', async () => {
  const lost: typeof world.stores.presignatures.transaction = async () => Promise.reject(new Error('crash'))
  const dying = { ...world.stores, presignatures: { ...world.stores.presignatures, transaction: lost } }
  const other = testKey(world.rng.fork('crash'))
  await expect(begin({ stores: dying }, other)).rejects.toThrow('crash')
  expect((await world.stores.parties.list(AUDIT_OUTBOX, { limit: 9 })).docs).toHaveLength(1)
  await Promise.all([world.stores, world.instance(), world.instance()].map((stores) => deliverOutbox(stores)))
  expect(await methods(other)).toEqual(['keygen.begin'])
  expect((await world.stores.parties.list(AUDIT_OUTBOX, { limit: 9 })).docs).toEqual([])
})

test('lines written at once by several instances are one chain', async () => {
  const before = (await page()).lines.length
  const write = async (_: unknown, i: number) =>
    writeAudit(world.instance(), key.keyId, { method: 'pair.strike', metadata: { i } })
  await Promise.all(Array.from({ length: 8 }, write))
  const { lines } = await page()
  expect(lines).toHaveLength(before + 8)
  expect(firstAuditBreak(lines)).toBeUndefined()
})

test('pages continue where the last one ended, and belong to the owner alone', async () => {
  await sign()
  const first = await page({ limit: 3 })
  expect(first.next).toBe(3)
  const rest = await page({ after: 3, limit: 5 })
  expect(rest.next).toBeUndefined()
  expect(firstAuditBreak([...first.lines, ...rest.lines])).toBeUndefined()
  const query = { keyId: key.keyId, after: 0, limit: 9 }
  await expect(readAuditPage(reader(), 'https://issuer.test|mallory', query)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(readAuditProof(reader(), OWNER, { keyId: key.keyId, seq: 9 })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test('no line holds a share, a nonce or an owner’s name', async () => {
  const { signature } = await sign()
  const text = JSON.stringify(await page())
  for (const secret of [key.shares[1]!.secret, key.shares[1]!.ssid, signature]) {
    expect(text).not.toContain(toHex(secret).slice(2))
  }
  expect(text).not.toContain('alice')
})

describe('an exported log', () => {
  const exported = async () => {
    await sign()
    await checkpointAll(world.stores, { kms: kms.client, version: VERSION })
    return page()
  }
  const trusted = async () => ({ identity: toHex(identity.publicKey), kmsKey: await kms.client.publicKey(VERSION) })
  const check = async (log: AuditPage) => problemOf(JSON.stringify(log), await trusted())
  const without = ({ lines, ...log }: AuditPage, seq: number) => ({
    ...log,
    lines: lines.filter((l) => l.entry.seq !== seq),
  })

  test('is unbroken, with its head signed by Sigpair and a checkpoint signed by the KMS', async () => {
    const log = await exported()
    expect(log.checkpoint).toMatchObject({ seq: 8, hash: log.head.hash, kmsKey: VERSION })
    expect(await check(log)).toBeUndefined()
    expect(await checkpointAll(world.stores, { kms: kms.client, version: VERSION })).toBe(0)
    const proof = await readAuditProof(reader(), OWNER, { keyId: key.keyId, seq: 6 })
    expect(proof.lines.map(({ entry }) => entry.seq)).toEqual([6, 7, 8])
    expect(proof.checkpoint).toEqual(log.checkpoint)
  })

  test('that was edited, cut, reordered or written anew is found at its line', async () => {
    const log = await exported()
    const edited = structuredClone(log)
    ;(edited.lines[4]!.entry.metadata as Record<string, string>)['kind'] = 'message'
    expect(await check(edited)).toContain('line 5 is broken')

    const rehashed = structuredClone(log)
    rehashed.lines[4] = relinked({ ...rehashed.lines[4]!, entry: { ...rehashed.lines[4]!.entry, metadata: {} } })
    expect(await check(rehashed)).toContain('line 6 is broken: does not follow')

    const anew = structuredClone(log)
    for (let i = 4, prev = anew.lines[3]!.hash; i < 8; i++) {
      anew.lines[i] = relinked({ ...anew.lines[i]!, prev, entry: { ...anew.lines[i]!.entry, metadata: {} } })
      prev = anew.lines[i]!.hash
    }
    expect(await check(anew)).toContain('line 8 is not the one that was signed')

    expect(await check(without(log, 1))).toContain('line 1 is broken')
    expect(await check(without(log, 5))).toContain('line 5 is broken: line 6 stands where 5 belongs')
    expect(await check(without(log, 8))).toContain('line 8 is missing: the head is at 8')
    const swapped = { ...log, lines: log.lines.with(2, log.lines[3]!).with(3, log.lines[2]!) }
    expect(await check(swapped)).toContain('line 3 is broken')
  })

  test('with a head or a checkpoint of somebody else’s is refused', async () => {
    const log = await exported()
    const zeros = (text: string) => `0x${'00'.repeat((text.length - 2) / 2)}`
    const head = { ...log.head, signature: zeros(log.head.signature) }
    expect(await check({ ...log, head })).toContain('not signed by this identity')
    const checkpoint = { ...log.checkpoint!, timestamp: '2000-01-01T00:00:00.000Z' }
    expect(await check({ ...log, checkpoint })).toContain('not signed by this KMS key')
  })

  test('is verified by a command, which points at the first broken line', async () => {
    const log = await exported()
    const run = async (name: string, content: string) => {
      const file = join(world.folder, name)
      writeFileSync(file, content)
      const command = join(import.meta.dirname, '../../infra/local/src/audit-verify.ts')
      return new Promise<{ code: number; said: string }>((resolve) => {
        execFile(process.execPath, [command, file, '--identity', toHex(identity.publicKey)], (error, out, err) => {
          resolve({ code: Number(error?.code ?? 0), said: `${out}${err}`.trim() })
        })
      })
    }
    const pages = [await page({ limit: 5 }), await page({ after: 5 })].map((one) => JSON.stringify(one)).join('\n')
    expect(await run('good.jsonl', pages)).toEqual({ code: 0, said: '8 lines, unbroken' })
    const bad = JSON.stringify(without(log, 3))
    expect(await run('bad.json', bad)).toEqual({ code: 1, said: 'line 3 is broken: line 4 stands where 3 belongs' })
  })
})

function relinked(line: AuditLine): AuditLine {
  const hash = createHash('sha256')
    .update('mpc-audit/1\n')
    .update(Buffer.from(line.prev.slice(2), 'hex'))
    .update(canonicalJson(line.entry))
    .digest('hex')
  return { ...line, hash: `0x${hash}` }
}
