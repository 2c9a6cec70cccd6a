import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LOCAL_KEY, type RunningKms, startKms } from '@tandem/local'
import type { Committee } from '../../sigpair/src/committee/committee.ts'
import { readCommitteeConfig } from '../../sigpair/src/committee/config.ts'
import type { CommitteeDeps } from '../../sigpair/src/committee/operations/deps.ts'
import { createKeyFile, readKeyFile } from '../../sigpair/src/committee/key-file.ts'
import { nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { type CommitteeNode, startCommitteeNode } from '../../sigpair/src/committee/start.ts'
import { testCaller } from '../helpers/caller.ts'
import { seeded } from '../helpers/rng.ts'
import { freePort } from '../helpers/stack.ts'

const directory = mkdtempSync(join(tmpdir(), 'tandem-node-'))
const identityFile = join(directory, 'node.jwk')
let kms: RunningKms
let env: Record<string, string>
let node: CommitteeNode | undefined

beforeAll(async () => {
  createKeyFile(identityFile)
  kms = await startKms({ port: 0, file: join(directory, 'kms.json') })
  const peerFile = join(directory, 'peer.jwk')
  createKeyFile(peerFile)
  const port = await freePort()
  const peer = { name: nodeIdentity(readKeyFile(peerFile)).name, label: 'b', addresses: ['/ip4/127.0.0.1/tcp/1'] }
  const own = { name: nodeIdentity(readKeyFile(identityFile)).name, label: 'a', addresses: ['/ip4/127.0.0.1/tcp/2'] }
  env = {
    MODE: 'development',
    NODE_IDENTITY_FILE: identityFile,
    PEERS: JSON.stringify([own, peer]),
    CALLERS: JSON.stringify([{ publicKey: peer.name, label: 'sequencer' }]),
    DATA_DIRECTORY: join(directory, 'data'),
    LISTEN: `/ip4/127.0.0.1/tcp/${port}`,
    PORT: '0',
    KMS_KEY: LOCAL_KEY,
    KMS_ENDPOINT: `http://127.0.0.1:${kms.port}`,
    LOG_LEVEL: 'silent',
  }
})
afterEach(async () => {
  await node?.close()
  node = undefined
})
afterAll(async () => {
  await kms.close()
  rmSync(directory, { recursive: true })
})

const nothing = async () => Promise.reject(new Error('not in this test'))

/** Operations that do nothing but tell what they were given. */
function idle(given: (deps: CommitteeDeps) => void = () => undefined, status = nothing as Committee['status']) {
  return (deps: CommitteeDeps): Committee => {
    given(deps)
    return {
      keyGen: nothing,
      keySign: nothing,
      keyRefresh: nothing,
      keyReshare: nothing,
      keyDelete: nothing,
      status,
      close: async () => undefined,
    }
  }
}

test('a node is who its identity file says, knows its peers but not itself, and can seal and store', async () => {
  let deps: CommitteeDeps | undefined
  node = await startCommitteeNode(
    readCommitteeConfig(env),
    idle((given) => (deps = given)),
  )
  const { network, identity, store, sealer, callers, policy } = deps!
  expect(identity.name).toBe(nodeIdentity(readKeyFile(identityFile)).name)
  expect(network.self).toBe(identity.name)
  expect(network.peers.map(({ label }) => label)).toEqual(['b'])
  expect(callers).toHaveLength(1)

  const payload = { kind: 'digest', digest: `0x${'11'.repeat(32)}` } as const
  const request = testCaller(seeded('start')).request({ method: 'keySign', params: { keyId: identity.name, payload } })
  expect(() => policy(request)).toThrow(expect.objectContaining({ code: 'POLICY_DENIED' }))

  const context = { purpose: 'share', keyId: '0x01', epoch: 0 } as const
  const sealed = await sealer.seal(context, Uint8Array.of(1, 2, 3))
  expect(await sealer.open(context, sealed)).toEqual(Uint8Array.of(1, 2, 3))
  expect(await store.list('keys', { limit: 1 })).toEqual({ docs: [], next: undefined })
  expect(statSync(join(directory, 'data/node')).isDirectory()).toBe(true)
})

test('it is live and ready, serves its document, and drains before it stops', async () => {
  let finish = () => {}
  const status: Committee['status'] = async () => {
    await new Promise<void>((resolve) => (finish = resolve))
    return { node: `0x${'11'.repeat(32)}`, peers: [], keys: [], sessions: [], faults: [] }
  }
  node = await startCommitteeNode(readCommitteeConfig(env), idle(undefined, status))
  const url = node.apiUrl
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
  expect(await (await fetch(`${url}/openrpc.json`)).json()).toHaveProperty('methods')

  const answer = fetch(`${url}/rpc`, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"status"}' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const closed = node.close()
  finish()
  expect(await (await answer).json()).toMatchObject({ result: { peers: [] } })
  await closed
  await expect(fetch(`${url}/health/live`)).rejects.toThrow('')
})

test('a second process on the same data is refused, and leaves nothing open', async () => {
  node = await startCommitteeNode(readCommitteeConfig(env), idle())
  await expect(startCommitteeNode(readCommitteeConfig(env), idle())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

describe('an identity file', () => {
  test('holds a key of its own, readable by its owner only', () => {
    expect(statSync(identityFile).mode & 0o777).toBe(0o600)
    expect(readKeyFile(identityFile)).toHaveLength(32)
  })

  test('is never written over', () => {
    const before = readFileSync(identityFile, 'utf8')
    expect(() => createKeyFile(identityFile)).toThrow('is there already')
    expect(readFileSync(identityFile, 'utf8')).toBe(before)
  })

  test('is refused when others may read it, when it is missing, and when it holds something else, unquoted', () => {
    const path = join(directory, 'wrong.jwk')
    writeFileSync(path, '{"kty":"OKP","crv":"X25519","d":"secret"}', { mode: 0o600 })
    expect(() => readKeyFile(path)).toThrow(/holds no Ed25519 private key(?!.*secret)/)
    chmodSync(path, 0o644)
    expect(() => readKeyFile(path)).toThrow('can be read by others')
    expect(() => readKeyFile(join(directory, 'none'))).toThrow('cannot be read')
  })
})
