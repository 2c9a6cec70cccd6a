import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rehearsalQuorums } from '@tandem/ecdsa'
import { createSigningKey } from '@tandem/service'
import { limits } from '@tandem/wire'
import { createKeyFile, readKeyFile } from '../../sigpair/src/committee/key-file.ts'
import { nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { readSigpairMode } from '../../sigpair/src/config.ts'
import { GATEWAY_DEADLINES, readGatewayConfig } from '../../sigpair/src/gateway/config.ts'
import { readMemberConfig } from '../../sigpair/src/member/config.ts'
import { keyOf } from './members.ts'

const folder = mkdtempSync(join(tmpdir(), 'tandem-member-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a gateway answers before duo-node gives up, and with what follows from a call', () => {
  const { callMs, ownCallMs, patienceMs } = GATEWAY_DEADLINES
  expect(limits.GATEWAY_ANSWER_MS).toBeLessThan(limits.INTERNAL_CALL_MS)
  expect(callMs + ownCallMs).toBeLessThan(limits.GATEWAY_ANSWER_MS)
  expect(patienceMs).toBeLessThan(ownCallMs)
})

test('a dialogue has the time for what a committee adds, and never more than five minutes', () => {
  for (let members = 2; members <= limits.MAX_NODES; members++) {
    for (let threshold = 2; threshold <= members; threshold++) {
      const grows = (operation: 'keygen' | 'presign' | 'sign') =>
        limits.dialogueGrowthMs(operation, { members, threshold })
      const most = limits.MAX_DIALOGUE_MS - limits.DIALOGUE_MS
      const quorums = rehearsalQuorums({ threshold: threshold + 1, parties: members + 1, withDevice: true })
      const computing = 4_000 * (members - 1) + 250 * quorums.length * threshold
      expect(grows('keygen')).toBeGreaterThanOrEqual(Math.min(computing, most))
      expect(grows('presign')).toBe(Math.min(8_000 * (threshold - 1), most))
      expect(Math.max(grows('keygen'), grows('presign'))).toBeLessThanOrEqual(most)
      expect(grows('sign')).toBe(0)
    }
  }
  expect(limits.dialogueGrowthMs('refresh', { members: 3, threshold: 2 })).toBe(14_000)
  expect(limits.dialogueGrowthMs('recover', { members: 5, threshold: 3 })).toBe(26_000)
})

test('a flag that is none is answered with all that are', () => {
  expect(readSigpairMode(['--mode', 'gateway'], {})).toBe('gateway')
  expect(readSigpairMode([], { SIGPAIR_MODE: 'member' })).toBe('member')
  expect(() => readSigpairMode(['--help'], {})).toThrow('--mode pair|committee|member|gateway')
})

describe('a gateway', () => {
  const member = (index: number) => ({
    url: `wss://node-${index}.example/`,
    internalUrl: `https://node-${index}.internal`,
    identity: keyOf(index),
    publicKey: keyOf(0x80 + index),
  })
  const members = [1, 2, 3].map(member)
  const MINIMAL = { MEMBERS: JSON.stringify(members), THRESHOLD: '2', SIGNING_KEY_FILE: '/run/gateway.jwk' }
  const withMember = (change: object) => ({
    ...MINIMAL,
    MEMBERS: JSON.stringify([members[0], { ...members[1], ...change }]),
  })

  test('needs three variables, and listens where Sigpair would', () => {
    expect(readGatewayConfig(MINIMAL)).toMatchObject({
      ...{ role: 'both', host: '127.0.0.1', port: 8080, internalPort: 8081, threshold: 2, keysAreMounted: false },
      members: members.map((one) => ({ ...one, url: one.url.slice(0, -1) })),
    })
    expect(() => readGatewayConfig({})).toThrow(/MEMBERS[^]*THRESHOLD[^]*SIGNING_KEY_FILE/)
  })

  test.each([
    ['MEMBERS', { MEMBERS: '[]' }],
    ['MEMBERS', { MEMBERS: JSON.stringify([members[0]]) }],
    ['MEMBERS', { MEMBERS: JSON.stringify([members[0], members[0]]) }],
    ['MEMBERS', withMember({ identity: '0x11' })],
    ['MEMBERS', withMember({ url: 'https://node-2.example' })],
    ['MEMBERS', withMember({ share: 'x' })],
    ['THRESHOLD', { THRESHOLD: '1' }],
    ['THRESHOLD', { THRESHOLD: '4' }],
    ['THRESHOLD', { THRESHOLD: 'two' }],
  ])('%s that is none is refused by name', (name, change) => {
    expect(() => readGatewayConfig({ ...MINIMAL, ...change })).toThrow(`${name}:`)
  })

  test.each([
    ['without TLS for devices', { url: 'ws://node-2.example' }],
    ['without TLS for calls', { internalUrl: 'http://node-2.internal' }],
    ['on this machine', { url: 'wss://127.0.0.1:8080' }],
    ['on this machine, internally', { internalUrl: 'https://localhost:8081' }],
  ])('takes no member %s in production', (_what, change) => {
    expect(() => readGatewayConfig(withMember(change))).toThrow(/production refuses this:\n {2}MEMBERS: /)
    expect(readGatewayConfig({ ...withMember(change), MODE: 'development' }).members).toHaveLength(2)
  })
})

describe('a member', () => {
  const file = join(folder, 'member.jwk')
  createKeyFile(file)
  const { name } = nodeIdentity(readKeyFile(file))
  const peer = (of: string, at: number) => ({
    name: of,
    label: `member ${at}`,
    addresses: [`/dns4/node-${at}.example/tcp/4001`],
  })
  const peers = [peer(keyOf(1), 1), peer(name, 2), peer(keyOf(3), 3)]
  const keys = createSigningKey().then(({ publicJwk }) => JSON.stringify([publicJwk]))
  const minimal = async () => ({
    DATA_DIRECTORY: '/data',
    KMS_KEY: 'projects/p/locations/global/keyRings/r/cryptoKeys/k',
    FUNCTIONS_KEYS: await keys,
    DUO_NODE_KEYS: await keys,
    GATEWAY_KEYS: await keys,
    NODE_IDENTITY_FILE: file,
    PEERS: JSON.stringify(peers),
    THRESHOLD: '2',
  })

  test('is a Sigpair with a place among others, which its own name says', async () => {
    const config = readMemberConfig(await minimal())
    expect(config).toMatchObject({ role: 'both', port: 8080, policyDelayMs: 86_400_000 })
    expect(config.committee).toMatchObject({ index: 2, threshold: 2, identityFile: file })
    expect(config.committee.peers.map(({ index, identity }) => [index, identity])).toEqual([
      [1, keyOf(1)],
      [3, keyOf(3)],
    ])
  })

  test('names all that is missing, of a Sigpair and of a member', () => {
    const wanted = /KMS_KEY[^]*FUNCTIONS_KEYS[^]*NODE_IDENTITY_FILE[^]*PEERS[^]*THRESHOLD[^]*GATEWAY_KEYS/
    expect(() => readMemberConfig({ DATA_DIRECTORY: '/data' })).toThrow(wanted)
  })

  test.each([
    ['PEERS: the node of NODE_IDENTITY_FILE', { PEERS: JSON.stringify([peers[0], peers[2]]) }],
    ['PEERS: a committee has 2', { PEERS: JSON.stringify([peers[1]]) }],
    ['THRESHOLD: 2 to 3', { THRESHOLD: '4' }],
    ['THRESHOLD: 2 to 3', { THRESHOLD: '1' }],
    ['GATEWAY_KEYS:', { GATEWAY_KEYS: '[]' }],
    ['K_SERVICE: Cloud Run', { K_SERVICE: 'sigpair', STORE_VOLUME: '/data' }],
    ['POLICY_DELAY_MS:', { POLICY_DELAY_MS: '0' }],
    [
      'PEERS: a node on this machine',
      { PEERS: JSON.stringify([{ ...peers[0], addresses: ['/ip4/127.0.0.1/tcp/1'] }, peers[1]]) },
    ],
  ])('is refused with %s', async (message, change) => {
    const env = await minimal()
    expect(() => readMemberConfig({ ...env, ...change })).toThrow(message)
  })
})
