import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallerRequest, WireError } from '@tandem/wire'
import { verifyCallerRequest } from '../../sigpair/src/committee/request.ts'
import { READY_KEY, serveApi, STUB_KEY, STUB_NODES, stubCommittee } from '../helpers/stub-committee.ts'

const CLI = join(import.meta.dirname, '../../sigpair/src/committee/cli/cli.ts')
const directory = mkdtempSync(join(tmpdir(), 'tandem-cli-'))
const keyFile = join(directory, 'caller.jwk')
const [ALICE, BOB, CAROL] = STUB_NODES as [string, string, string]

let asked: CallerRequest[] = []
let outcome = async () => READY_KEY
let api: Awaited<ReturnType<typeof serveApi>>
let silent: Server
let silentUrl: string
let caller: string

beforeAll(async () => {
  const committee = stubCommittee(
    async (request) => {
      asked.push(request)
      return outcome()
    },
    async () => ({
      node: ALICE,
      peers: [
        { node: BOB, label: 'frankfurt', connected: true, since: Date.now() - 60_000, heard: Date.now() },
        { node: CAROL, label: 'oregon', connected: false, since: Date.now() - 30_000, heard: 0 },
      ],
      keys: [READY_KEY].map(({ keyId, status, epoch, threshold, members }) => ({
        keyId,
        status,
        epoch,
        threshold,
        members,
      })),
      sessions: [
        {
          sessionId: STUB_KEY,
          keyId: STUB_KEY,
          operation: 'keySign',
          coordinator: ALICE,
          round: 2,
          waitingFor: [CAROL],
          since: Date.now() - 5_000,
        },
      ],
      faults: [
        {
          at: Date.now() - 7_000,
          sessionId: STUB_KEY,
          keyId: STUB_KEY,
          operation: 'keySign',
          code: 'BAD_SHARE',
          round: 3,
          culprits: [BOB],
        },
      ],
    }),
  )
  api = await serveApi(committee)
  silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const address = silent.address()
  silentUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  caller = (await cli('identity', keyFile)).out.trim()
})
afterAll(async () => {
  silent.close()
  api.cut()
  await api.close()
  rmSync(directory, { recursive: true })
})
beforeEach(() => {
  asked = []
  outcome = async () => READY_KEY
})

function cli(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { timeout: 60_000 }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

const at = (...more: string[]) => ['--node', api.url, '--key', keyFile, '--key-id', STUB_KEY, ...more]

test('identity makes a key that only its owner reads, and prints its public half', async () => {
  expect(caller).toMatch(/^0x[0-9a-f]{64}$/)
  expect(statSync(keyFile).mode & 0o777).toBe(0o600)
  expect(await cli('identity', keyFile)).toMatchObject({ code: 1, out: '' })
})

test('every command is signed by the caller, and its answer is printed', async () => {
  const transaction = join(directory, 'tx.json')
  const unsignedTx = {
    type: 'eip1559',
    chainId: 1,
    nonce: 0,
    maxPriorityFeePerGas: '1',
    maxFeePerGas: '2',
    gasLimit: '21000',
    to: `0x${'11'.repeat(20)}`,
    value: '1',
    data: '0x',
  }
  writeFileSync(transaction, JSON.stringify(unsignedTx))
  const members = ['--members', STUB_NODES.join(','), '--threshold', '2']
  const done = [
    await cli('keygen', ...at(...members)),
    await cli('sign', ...at('--transaction', transaction, '--path', '0/7', '--signers', `${ALICE},${BOB}`)),
    await cli('refresh', ...at()),
    await cli('reshare', ...at(...members)),
    await cli('delete', ...at()),
  ]
  expect(done.map(({ code, err }) => [code, err])).toEqual(done.map(() => [0, '']))
  expect(done.map(({ out }) => (JSON.parse(out) as { keyId: string }).keyId)).toEqual(done.map(() => STUB_KEY))
  expect(asked.map(({ method }) => method)).toEqual(['keyGen', 'keySign', 'keyRefresh', 'keyReshare', 'keyDelete'])
  expect(asked[1]!.params).toEqual({
    keyId: STUB_KEY,
    payload: { kind: 'transaction', unsignedTx },
    path: [0, 7],
    signers: [ALICE, BOB],
  })
  for (const request of asked) verifyCallerRequest(request, [{ publicKey: caller, label: 'me' }], Date.now())
})

test('when a node is silent the next one is asked the same', async () => {
  const { code, out, err } = await cli('sign', '--node', silentUrl, ...at('--message', 'hello'))
  expect([code, err]).toEqual([0, `committee: ${silentUrl} does not answer, or not now\n`])
  expect(JSON.parse(out)).toMatchObject({ keyId: STUB_KEY })
  expect(asked).toHaveLength(1)
})

test('when nobody answers it says so', async () => {
  const { code, out, err } = await cli('status', '--node', silentUrl)
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain(`no node answers: ${silentUrl}`)
})

test('what a node refuses is said in its words, and nobody else is asked', async () => {
  outcome = async () => Promise.reject(new WireError('KEY_DELETED'))
  const { code, err } = await cli('refresh', ...at('--node', api.url))
  expect([code, asked.length]).toEqual([1, 1])
  expect(err).toBe('committee: KEY_DELETED: This key was deleted; its id is never used again.\n')
})

test('status shows for every session which node it waits for, in which round, since when', async () => {
  const { code, out } = await cli('status', '--node', api.url)
  expect(code).toBe(0)
  const lines = out.split('\n').map((line) => line.split(/ {2,}/))
  expect(lines).toContainEqual(['SESSION', 'KEY', 'OPERATION', 'COORDINATOR', 'ROUND', 'WAITING FOR', 'SINCE'])
  const session = lines.find((cells) => cells[2] === 'keySign')
  expect(session?.slice(2, 6)).toEqual(['keySign', 'this node', '2', 'oregon'])
  expect(session?.[6]).toMatch(/^[0-9]+ s$/)
  expect(lines.find(([label]) => label === 'oregon')?.slice(2)).toEqual(['DOWN', expect.any(String), 'never'])
  expect(lines.find((cells) => cells[1] === 'READY')?.slice(2)).toEqual(['0', '2 of 3', 'this node, frankfurt, oregon'])
  expect(lines.find(([code]) => code === 'BAD_SHARE')?.slice(2, 5)).toEqual(['keySign', '3', 'frankfurt'])
  expect(JSON.parse((await cli('status', '--node', api.url, '--json')).out)).toMatchObject({ node: ALICE })
})

test.each([
  [['explode', '--node', 'http://127.0.0.1:1'], 'explode: no such command'],
  [['status'], '--node'],
  [['status', '--node', 'frankfurt'], '--node'],
  [['keygen', '--node', 'http://127.0.0.1:1'], '--key is missing'],
  [['sign', '--node', 'http://127.0.0.1:1', '--key', 'k', '--key-id', STUB_KEY], 'one of --message'],
  [['refresh', '--node', 'http://127.0.0.1:1', '--key', 'k', '--key-id', STUB_KEY, '--message', 'x'], '--message'],
  [['delete', '--nodes', 'http://127.0.0.1:1'], '--nodes'],
])('%j is not understood', async (args, why) => {
  const { code, out, err } = await cli(...args)
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(why)
})

test('a key id that is none is refused before anybody is asked', async () => {
  const { code, err } = await cli('delete', '--node', api.url, '--key', keyFile, '--key-id', 'mine')
  expect(code).toBe(2)
  expect(err).toContain('params.keyId')
  expect(asked).toEqual([])
})

test('help tells all of it, and needs nothing', async () => {
  const { code, out } = await cli('--help')
  expect(code).toBe(0)
  for (const command of ['identity', 'status', 'keygen', 'sign', 'refresh', 'reshare', 'delete']) {
    expect(out).toMatch(new RegExp(`^  ${command} `, 'm'))
  }
})
