import { readKey } from '@tandem/sigpair'
import { toHex } from '@tandem/wire'
import { identitiesOf } from '../../sigpair/src/member/member.ts'
import type { CommitteeConfig } from '../../sigpair/src/member/member-config.ts'
import { deal, makePresignatures } from './device.ts'
import { startMembers } from './members.ts'

test('two members reach each other over libp2p and presign with a device', async () => {
  const members = await startMembers({ members: 2, libp2p: true })
  try {
    const wallet = await deal(members)
    expect(await makePresignatures(members, wallet, [1, 2], { count: 2 })).toHaveLength(2)
    for (const { stores } of members.all) expect((await readKey(stores, wallet.keyId))!.pair!.stock).toHaveLength(2)
  } finally {
    await members.close()
  }
})

test('a committee has the members 1 to n, each with an identity of its own, and a threshold it can meet', () => {
  const identity = (n: number) => new Uint8Array(32).fill(n)
  const peers = [2, 3].map((index) => ({ index, identity: toHex(identity(index)), addresses: [] }))
  const honest: CommitteeConfig = { index: 1, threshold: 2, peers, identityFile: '', listen: [], gatewayKeys: [] }
  expect(identitiesOf(honest, identity(1))).toEqual([1, 2, 3].map(identity))
  const wrong: Partial<CommitteeConfig>[] = [
    ...[{ index: 2 }, { index: 4 }, { index: 0 }],
    ...[{ threshold: 1 }, { threshold: 4 }, { peers: [] }, { peers: [peers[0]!, peers[0]!] }],
  ]
  for (const change of wrong) expect(() => identitiesOf({ ...honest, ...change }, identity(1))).toThrow()
  expect(() => identitiesOf(honest, identity(2))).toThrow('two members have one identity')
})
