import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCommitteeConfig } from '../../sigpair/src/committee/config.ts'
import { readSigpairMode } from '../../sigpair/src/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'tandem-committee-'))
afterAll(() => rmSync(directory, { recursive: true }))

const NODE = `0x${'11'.repeat(32)}`
const PEER = { name: NODE, label: 'frankfurt', addresses: ['/dns4/node-1.example/tcp/4001'] }
const CALLER = { publicKey: `0x${'22'.repeat(32)}`, label: 'sequencer' }
const MINIMAL = {
  NODE_IDENTITY_FILE: '/run/secrets/node.jwk',
  PEERS: JSON.stringify([PEER]),
  CALLERS: JSON.stringify([CALLER]),
  DATA_DIRECTORY: '/data',
  KMS_KEY: 'projects/p/locations/global/keyRings/r/cryptoKeys/k',
}

function policyFile(text: string): string {
  const path = join(directory, 'policy.json')
  writeFileSync(path, text)
  return path
}

test('five variables are enough, and everything then stays on loopback', () => {
  expect(readCommitteeConfig(MINIMAL)).toMatchObject({
    identityFile: '/run/secrets/node.jwk',
    peers: [PEER],
    callers: [CALLER],
    listen: ['/ip4/127.0.0.1/tcp/4001'],
    policy: { digests: 'deny' },
    graceMs: 7 * 86_400_000,
    api: { host: '127.0.0.1', port: 8090, hosts: ['127.0.0.1', 'localhost', '[::1]'] },
  })
})

test('nothing set names every variable that is needed', () => {
  expect(() => readCommitteeConfig({})).toThrow(/NODE_IDENTITY_FILE[^]*PEERS[^]*CALLERS[^]*DATA_DIRECTORY[^]*KMS_KEY/)
})

test.each([
  ['PEERS', '[]'],
  ['PEERS', '{'],
  ['PEERS', JSON.stringify([PEER, PEER])],
  ['PEERS', JSON.stringify([{ ...PEER, name: NODE.toUpperCase() }])],
  ['PEERS', JSON.stringify([{ ...PEER, addresses: [] }])],
  ['PEERS', JSON.stringify([{ ...PEER, addresses: ['node-1.example:4001'] }])],
  ['PEERS', JSON.stringify([{ ...PEER, addresses: ['/dns4/relay.example/tcp/4001/p2p-circuit'] }])],
  ['CALLERS', '[]'],
  ['CALLERS', JSON.stringify([{ ...CALLER, methods: ['keyExport'] }])],
  ['CALLERS', JSON.stringify([{ ...CALLER, privateKey: 'x' }])],
  ['LISTEN', '/ip4/127.0.0.1/udp/4001/quic-v1'],
  ['GRACE_SECONDS', 'long'],
  ['PORT', '70000'],
  ['LOG_LEVEL', 'chatty'],
  ['KMS_KEY', 'shares'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readCommitteeConfig({ ...MINIMAL, [name]: value })).toThrow(`${name}:`)
})

test('production refuses what is for one machine', () => {
  const local = JSON.stringify([{ ...PEER, addresses: ['/ip4/127.0.0.1/tcp/4001'] }])
  const given = { ...MINIMAL, PEERS: local, KMS_ENDPOINT: 'http://127.0.0.1:9010', GRACE_SECONDS: '60' }
  expect(() => readCommitteeConfig(given)).toThrow(/KMS_ENDPOINT[^]*GRACE_SECONDS[^]*PEERS/)
  expect(readCommitteeConfig({ ...given, MODE: 'development' })).toMatchObject({ graceMs: 60_000 })
  const six = JSON.stringify([{ ...PEER, addresses: ['/ip6/::1/tcp/4001'] }])
  expect(() => readCommitteeConfig({ ...MINIMAL, PEERS: six })).toThrow('PEERS:')
})

test('a node does not run where its disk is memory', () => {
  expect(() => readCommitteeConfig({ ...MINIMAL, K_SERVICE: 'node' })).toThrow('K_SERVICE:')
})

test('the policy is read from its file, and a wrong one is no policy at all', () => {
  const read = (text: string) => readCommitteeConfig({ ...MINIMAL, POLICY_FILE: policyFile(text) }).policy
  expect(read('{"digests":"allow","rules":{"chains":[1]}}')).toEqual({ digests: 'allow', rules: { chains: [1] } })
  for (const wrong of ['', '{', '{"digest":"allow"}', '{"rules":{"chain":[1]}}']) {
    expect(() => read(wrong)).toThrow('POLICY_FILE:')
  }
  expect(() => readCommitteeConfig({ ...MINIMAL, POLICY_FILE: join(directory, 'none') })).toThrow('POLICY_FILE:')
})

test('the mode is the flag, or the variable, or a pair', () => {
  expect(readSigpairMode([], {})).toBe('pair')
  expect(readSigpairMode([], { SIGPAIR_MODE: 'committee' })).toBe('committee')
  expect(readSigpairMode(['--mode', 'committee'], { SIGPAIR_MODE: 'pair' })).toBe('committee')
  expect(() => readSigpairMode(['--mode', 'trio'], {})).toThrow('SIGPAIR_MODE')
  expect(() => readSigpairMode(['--node', 'committee'], {})).toThrow('--mode')
})
