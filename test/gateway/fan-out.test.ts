import { setTimeout as delay } from 'node:timers/promises'
import type { CloudPublicKeyResponse, Problem } from '@tandem/wire'
import {
  type Heard,
  keyOf,
  type Reply,
  type StubMember,
  startTestGateway,
  stubMember,
  type TestGateway,
} from './members.ts'

let members: StubMember[]
let gateway: TestGateway

const KEY = keyOf(0xab)
const CALL_MS = 400

beforeEach(async () => {
  members = await Promise.all([stubMember(), stubMember(), stubMember()])
  gateway = await startTestGateway(members, { deadlines: { callMs: CALL_MS, patienceMs: 20 } })
})
afterEach(async () => {
  await gateway.close()
  await Promise.all(members.map((member) => member.close()))
})

const TOKENS = { authorization: 'Bearer duo-node', 'x-tandem-caller': 'functions' }

async function call(method: string, target: string, body?: string) {
  const headers = { ...TOKENS, 'content-type': 'application/json' }
  const answer = await fetch(`${gateway.internalUrl}${target}`, { method, headers, ...(body && { body }) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/** Each says something of its own. */
function answering(reply: (index: number, call: Heard) => Reply): void {
  for (const [at, member] of members.entries()) member.reply = (heard) => reply(at + 1, heard)
}

const ok = (body: object): Reply => ({ status: 200, body })
const problem = (status: number, error: string, details?: string): Reply => ({ status, body: { error, details } })

test('a call reaches every member with the bytes and the tokens it came with', async () => {
  const target = `/internal/keys/${KEY}/policy`
  const body = '{ "policy":null,\n "intent": {"n":1.0} }'
  answering(() => ok({ version: 1, inForce: [], pending: null }))
  expect((await call('PUT', target, body)).status).toBe(200)
  for (const { calls } of members) {
    expect(calls).toEqual([{ method: 'PUT', target, body, headers: expect.objectContaining(TOKENS) }])
  }
  answering(() => ok({ fate: 'unknown' }))
  const stage = `/internal/keys/${KEY}/stages/${KEY}?epoch=1`
  expect((await call('GET', stage)).status).toBe(200)
  expect(members.map(({ calls }) => calls.at(-1)?.target)).toEqual([stage, stage, stage])
})

test('a refusal comes with the members’ code and details', async () => {
  answering((index) => (index === 1 ? ok({}) : problem(403, 'POLICY_DENIED', 'maxAmount')))
  const refused = await call('POST', `/internal/keys/${KEY}/attest`, '{}')
  expect(refused).toMatchObject({ status: 403, body: { error: 'POLICY_DENIED', details: 'maxAmount' } })
})

test('a member that hangs holds nothing up, unless every member’s word is wanted', async () => {
  answering((index) => (index === 2 ? undefined : ok({ fate: 'staged' })))
  expect((await call('GET', `/internal/keys/${KEY}/stages/${KEY}?epoch=1`)).body).toEqual({
    fate: 'staged',
    nodes: [
      { index: 1, fate: 'staged' },
      { index: 3, fate: 'staged' },
    ],
  })
  answering((index) => ok({ backupId: 'bak', epoch: 1, verificationHash: keyOf(index) }))
  const { reply } = members[1]!
  members[1]!.reply = async (heard) => delay(CALL_MS / 2).then(() => reply(heard))
  const backup = await call('POST', `/internal/keys/${KEY}/backup`, '{}')
  expect(backup.body['nodes']).toEqual([1, 2, 3].map((index) => ({ index, epoch: 1, verificationHash: keyOf(index) })))
})

test('a member that has hung once is waited for by nobody until it is heard again', async () => {
  await gateway.close()
  gateway = await startTestGateway(members, { deadlines: { callMs: CALL_MS, patienceMs: 20_000 } })
  answering((index) => (index === 2 ? undefined : ok({ backupId: 'bak', epoch: 1, verificationHash: keyOf(index) })))
  const indices = async () => {
    const { body } = await call('POST', `/internal/keys/${KEY}/backup`, '{}')
    return (body['nodes'] as { index: number }[]).map(({ index }) => index)
  }
  expect(await indices()).toEqual([1, 3])
  const begun = members[1]!.calls.length
  expect(await indices()).toEqual([1, 3])
  expect(members[1]!.calls).toHaveLength(begun + 1)
  answering((index) => ok({ backupId: 'bak', epoch: 1, verificationHash: keyOf(index) }))
  // it is asked all the same, and so heard
  while ((await indices()).length < 3);
})

test.each([
  ['is cut', 'cut'],
  ['says something that is none of ours', { status: 502, body: { oops: true } }],
  ['says a list', { status: 200, body: [] }],
] as const)('a member that %s has said nothing', async (_what, reply) => {
  answering((index) => (index === 3 ? ok({}) : reply))
  const { status, body } = await call('POST', `/internal/keys/${KEY}/delete`, '{}')
  expect({ status, error: body['error'] }).toEqual({ status: 503, error: 'UNAVAILABLE' })
})

describe('the keys a device pins', () => {
  const identity = (index: number) => ({ publicKey: keyOf(0x80 + index), identity: keyOf(index), keyVersion: 1 })
  const nodes = [1, 2, 3].map((index) => ({ publicKey: keyOf(0x80 + index), identity: keyOf(index) }))

  test('are all there while a member is away', async () => {
    answering((index) => (index === 1 ? 'cut' : ok(identity(index))))
    const { body } = await call('GET', '/internal/identity')
    const expected: CloudPublicKeyResponse = { ...nodes[0]!, keyVersion: 1, committee: { threshold: 2, nodes } }
    expect(body).toEqual(expected)
  })

  test('are told by nobody else than the members that are meant', async () => {
    answering((index) => ok(identity(index + 1)))
    expect((await call('GET', '/internal/identity')).body).toMatchObject({ error: 'INTERNAL' })
    answering(() => problem(401, 'UNAUTHENTICATED'))
    expect((await call('GET', '/internal/identity')).body).toMatchObject({ error: 'UNAUTHENTICATED' })
  })
})

test.each(['settle', 'signature'])('nobody asks a member through the gateway to %s', async (what) => {
  const { body } = await call('POST', `/internal/sessions/ses_${'a'.repeat(22)}/${what}`, '{}')
  expect((body as unknown as Problem).error).toBe('NOT_FOUND')
  expect(members.flatMap(({ calls }) => calls)).toEqual([])
})

describe('members that were away', () => {
  const receipt = { keyId: KEY, stageId: keyOf(1), epoch: 1, conf: keyOf(2) }
  const intent = {
    ...{ op: 'rotate', keyId: KEY, epoch: 1, bodyHash: keyOf(3), nonce: `0x${'00'.repeat(16)}` },
    ...{ expiry: 1, signature: `0x${'00'.repeat(64)}` },
  }
  const body = { stageId: keyOf(1), backups: { sigpair: 'waived', device: 'waived' } }
  const commitment = (index: number) => ({
    receipt: { ...receipt, signature: `0x${index.toString(16).padStart(2, '0').repeat(64)}` },
    commit: { op: 'rotate', request: { body, intent } },
  })
  const statusOf = (epoch: number) => ok({ keyId: KEY, status: 'READY', epoch })

  test('are shown once what t others have in force', async () => {
    answering((index, { target }) => {
      if (target.endsWith('/commitment')) return ok(commitment(index))
      return target.endsWith('/catch-up') ? ok({ receipt: commitment(3).receipt }) : statusOf(index === 3 ? 0 : 1)
    })
    for (const _ of ['once', 'again']) {
      expect((await call('GET', `/internal/keys/${KEY}`)).body).toMatchObject({ epoch: 1 })
    }
    const shown = members.map(({ calls }) => calls.filter(({ target }) => target.endsWith('/catch-up')))
    expect(shown.map(({ length }) => length)).toEqual([0, 0, 1])
    const { receipts, commit } = JSON.parse(shown[2]![0]!.body) as Record<string, unknown>
    expect(commit).toEqual(commitment(1).commit)
    expect(receipts).toEqual([1, 2].map((index) => ({ index, receipt: commitment(index).receipt })))
  })

  test('are shown nothing by fewer', async () => {
    answering((index, { target }) => {
      if (target.endsWith('/commitment')) return index === 1 ? ok(commitment(1)) : problem(404, 'NOT_FOUND')
      return statusOf(index === 1 ? 1 : 0)
    })
    expect((await call('GET', `/internal/keys/${KEY}`)).body).toMatchObject({ epoch: 0 })
    expect(members.flatMap(({ calls }) => calls).map(({ target }) => target)).not.toContain(
      `/internal/keys/${KEY}/catch-up`,
    )
  })

  test('make a call that failed worth repeating', async () => {
    answering((index, { target }) => {
      if (target.endsWith('/commitment')) return index === 3 ? problem(404, 'NOT_FOUND') : ok(commitment(index))
      if (target.endsWith('/catch-up')) return ok({ receipt: commitment(3).receipt })
      return index === 3 ? problem(409, 'EPOCH_MISMATCH') : problem(409, 'KEY_BUSY')
    })
    const { body: refused } = await call('POST', `/internal/keys/${KEY}/drill`, '{}')
    expect(refused).toMatchObject({ error: 'UNAVAILABLE' })
  })
})
