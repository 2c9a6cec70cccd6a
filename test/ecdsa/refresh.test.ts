import {
  decodePair,
  decodeStage,
  encodePair,
  encodeStage,
  fromBytesBE,
  type KeygenResult,
  type PairSetup,
  q,
  type RefreshSetup,
  refresh,
  type Stage,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import { openAlice, openBob } from '../../shared/ecdsa/src/multiply/pprf.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { identityOf, keygenParties, signAs } from '../helpers/keygen.ts'
import { LE, TH } from '../helpers/reference/hash.ts'
import { refreshed, refreshParties, simulateRefresh } from '../helpers/refresh.ts'
import { seeded } from '../helpers/rng.ts'
import { abortOf, outputs, sentBy, simulate } from '../helpers/simulate.ts'

const backend = remembering(fast)
const [alice, bob] = [partyIndex(1), partyIndex(2)]
const generated = async (parties: number) => outputs(await simulate(keygenParties({ parties, backend })))
const [two, three] = [await generated(2), await generated(3)]
const [newTwo, newThree] = [await refreshed(two, { backend }), await refreshed(three, { backend })]

const sum = (values: readonly bigint[]) => values.reduce((total, s) => total + s, 0n) % q
const secretOf = ({ share }: Stage) => fromBytesBE(share.secret)
const publicKeyOf = (secret: bigint) => fast.encode(fast.mulBase(secret))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const secretsOf = ({ zeroSeed, asAlice, asBob }: PairSetup) =>
  [zeroSeed, asAlice.pd, asAlice.tag, asAlice.seeds.punctured, asAlice.seeds.coPath, asBob.pd, asBob.seeds.roots].map(
    hex,
  )

describe.each([
  ['n2', two, newTwo],
  ['n3', three, newThree],
])('%s', (_, old, renewed) => {
  const { publicKey } = old[0]!.share

  test('all parties hold the same new public shares, confirmation and certificate', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of renewed) expect(common(result)).toEqual(common(renewed[0]!))
    expect(renewed.map(({ share }) => share.self)).toEqual(renewed.map((_, i) => i + 1))
  })

  test('key id, public key, chain code and identities are the old ones; epoch, ssid and confirmation are not', () => {
    for (const [i, { share }] of renewed.entries()) {
      const before = old[i]!.share
      const { keyId, chainCode, identities, threshold, parties } = before
      expect(share).toMatchObject({ keyId, publicKey, chainCode, identities, threshold, parties })
      expect(share.epoch).toBe(before.epoch + 1)
      expect(share.ssid).not.toEqual(before.ssid)
      expect(share.conf).not.toEqual(before.conf)
    }
  })

  test('every share changes, and so does its point', () => {
    for (const [i, { share }] of renewed.entries()) {
      expect(share.secret).not.toEqual(old[i]!.share.secret)
      expect(share.publicShares[i]).not.toEqual(old[i]!.share.publicShares[i])
      expect(publicKeyOf(fromBytesBE(share.secret))).toEqual(share.publicShares[i])
    }
  })

  test('the new secrets add up to the private key of X; no mixture of old and new ones does', () => {
    expect(publicKeyOf(sum(renewed.map(secretOf)))).toEqual(publicKey)
    for (let mixture = 1; mixture < 2 ** old.length - 1; mixture++) {
      const mixed = old.map((stage, i) => secretOf((mixture >>> i) & 1 ? renewed[i]! : stage))
      expect(publicKeyOf(sum(mixed))).not.toEqual(publicKey)
    }
  })

  test('L3 every pair is set up anew: no seed, tag or name of the old epoch is left', () => {
    const before = new Set(old.flatMap(({ pairs }) => pairs.flatMap(secretsOf)))
    const after = renewed.flatMap(({ pairs }) => pairs.flatMap(secretsOf))
    expect(after.filter((value) => before.has(value))).toEqual([])
    expect(after).toHaveLength(7 * old.length * (old.length - 1))
  })

  test('in every direction Alice holds all of Bob’s new leaves but one per tree', () => {
    const pairs = renewed.flatMap((stage) => stage.pairs)
    for (const { self, peer, asAlice } of pairs) {
      const { asBob } = pairs.find((pair) => pair.self === peer && pair.peer === self)!
      expect([asBob.pd, asBob.tag]).toEqual([asAlice.pd, asAlice.tag])
      const { leaves: known, punctured } = openAlice(fast, asAlice.pd, asAlice.seeds)
      const { leaves } = openBob(fast, asBob.pd, asBob.seeds)
      const seed = (of: Uint8Array, tree: number, y: number) =>
        hex(of.slice(16 * (16 * tree + y), 16 * (16 * tree + y) + 16))
      for (let tree = 0; tree < 32; tree++) {
        const missing = punctured[tree]!
        for (let y = 0; y < 16; y++)
          expect(seed(known, tree, y ^ missing) === seed(leaves, tree, y)).toBe(y !== missing)
      }
    }
  })
})

// noble alone makes the very same shares: refresh-noble.long.ts.

test('L3 a pair of the old epoch does not open beside the new share, nor a new one beside the old share', () => {
  const [before, after] = [two[0]!, newTwo[0]!]
  const pairOf = ({ pairs }: Stage) => encodePair(fast, pairs[0]!)
  expect(decodePair(fast, after.share, pairOf(after))).toEqual(after.pairs[0])
  expect(() => decodePair(fast, after.share, pairOf(before))).toThrow('pair')
  expect(() => decodePair(fast, before.share, pairOf(after))).toThrow('pair')
  expect(() => decodePair(fast, { ...after.share, epoch: 2 }, pairOf(after))).toThrow('pair')
})

describe('five refreshes, one after the other', () => {
  test('keep the key, and no share, point or session ever comes back', async () => {
    const epochs: (readonly KeygenResult[])[] = [two]
    for (let e = 1; e <= 5; e++) epochs.push(await refreshed(epochs.at(-1)!, { backend, seed: `refresh ${e}` }))

    for (const [e, stages] of epochs.entries()) {
      for (const { share } of stages) expect(share).toMatchObject({ epoch: e, publicKey: two[0]!.share.publicKey })
      expect(publicKeyOf(sum(stages.map(secretOf)))).toEqual(two[0]!.share.publicKey)
    }
    const values = epochs.flatMap(([a, b]) => [a!, b!].flatMap(({ share }) => [share.secret, ...share.publicShares]))
    expect(new Set(values.map(hex)).size).toBe(6 * 4)
    expect(new Set(epochs.map(([a]) => hex(a!.share.ssid))).size).toBe(6)
  })
})

describe('the stage', () => {
  test('K15 is durable before the acknowledgement leaves, and is the whole result', async () => {
    const sim = await simulateRefresh(two, { backend })
    for (const { share, pairs } of outputs(sim)) {
      const doings = sim.events.filter(({ party }) => party === share.self)
      const stored = doings.findIndex((event) => 'recorded' in event)
      expect(doings.findIndex((event) => 'sent' in event && event.sent.round === 4)).toBe(stored + 1)
      const event = doings[stored]!
      if (!('recorded' in event) || event.recorded.entry !== 'store') throw new Error('nothing was stored')
      expect(event.recorded).toEqual({ entry: 'store', name: 'stage', bytes: encodeStage(fast, { share, pairs }) })
      expect(decodeStage(fast, event.recorded.bytes)).toEqual({ share, pairs })
    }
  })

  test('a store that fails keeps the acknowledgement back', async () => {
    const sim = await simulateRefresh(two, {
      backend,
      record: (party) => (party === bob ? Promise.reject(new Error('disk full')) : undefined),
    })
    expect(sim.outcomes.get(bob)).toMatchObject({ status: 'failed', error: new Error('disk full') })
    expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round: 4, culprits: [bob] })
  })
})

test('bodies have the lengths the spec gives, and headers name the protocol and the new epoch', async () => {
  const messages = sentBy(await simulateRefresh(two, { backend })).filter(({ from }) => from === alice)
  expect(messages.map(({ body }) => body.length)).toEqual([97, 8545, 5152, 64])
  for (const message of messages) expect(message).toMatchObject({ protocol: 'refresh', epoch: 1 })
  const [first, ...others] = messages.map(({ sid }) => hex(sid))
  expect(new Set(others)).toEqual(new Set([hex(newTwo[0]!.share.ssid)]))
  expect(others).not.toContain(first)
})

test('what is hashed is what the spec says, in its order', async () => {
  const messages = sentBy(await simulateRefresh(three, { backend }))
  const bodiesOf = (round: number) => [1, 2, 3].map((i) => messages.find((m) => m.from === i && m.round === round)!)
  const { ssid, publicKey, publicShares, chainCode } = three[0]!.share
  const sid = TH(
    'rf/sid',
    ssid,
    LE(1, 4),
    seeded('refresh').fork('stage id')(32),
    publicKey,
    ...publicShares,
    chainCode,
  )
  const published = bodiesOf(2).map(({ body }) => [body.slice(0, 33), body.slice(33, 66)])
  const views = bodiesOf(1).map(({ body }) => [body.slice(0, 32), body.slice(32, 64)] as const)
  for (const [i, [, com]] of views.entries()) expect(com).toEqual(TH('rf/com', sid, LE(i + 1, 2), ...published[i]!))
  for (const { sid: header } of bodiesOf(1)) expect(header).toEqual(sid)

  const { share, pairs } = newThree[0]!
  expect(share.ssid).toEqual(TH('rf/ssid', sid, ...views.flat()))
  const seen = [publicKey, ...share.publicShares, chainCode]
  expect(share.conf).toEqual(TH('rf/conf', share.ssid, ...published.flat(), ...seen))
  expect(pairs.map(({ asAlice }) => asAlice.pd)).toEqual(
    [2, 3].map((j) => TH('pair', share.ssid, LE(1, 4), LE(1, 2), LE(j, 2))),
  )
  for (const { body, from } of bodiesOf(4)) {
    const message = TH('rf/ack', share.conf, LE(from, 2))
    expect(fast.ed25519Verify(body, message, identityOf(from))).toBe(true)
  }
})

describe('sid binds what the parties must agree on beforehand', () => {
  const changes: [string, (setup: RefreshSetup) => RefreshSetup][] = [
    ['the stage id', (setup) => ({ ...setup, stageId: setup.stageId.with(0, setup.stageId[0]! ^ 1) })],
    ['the epoch', ({ share, ...rest }) => ({ ...rest, share: { ...share, epoch: 1 } })],
    ['the old ssid', ({ share, ...rest }) => ({ ...rest, share: { ...share, ssid: newTwo[0]!.share.ssid } })],
    ['X', ({ share, ...rest }) => ({ ...rest, share: { ...share, publicKey: three[0]!.share.publicKey } })],
    [
      'X_1, X_2',
      ({ share, ...rest }) => ({ ...rest, share: { ...share, publicShares: share.publicShares.toReversed() } }),
    ],
    ['the chain code', ({ share, ...rest }) => ({ ...rest, share: { ...share, chainCode: new Uint8Array(32) } })],
  ]
  test.each(changes)('K1 another view of %s is a mismatch in round 1, and nobody is blamed', async (_, change) => {
    const sim = await simulateRefresh(two, {
      backend,
      setupOf: (self, honest) => (self === bob ? change(honest) : honest),
    })
    for (const party of [alice, bob]) {
      expect(abortOf(sim, party)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' })
    }
  })
})

describe('a restored device brings a new identity', () => {
  const identities = [identityOf(7), identityOf(2)]
  const signerOf = (self: number) => signAs(self === alice ? 7 : 2)

  test('and the new share names it, if both name it', async () => {
    const setupOf = (_: number, { share, stageId }: RefreshSetup) => ({ share: { ...share, identities }, stageId })
    const stages = await refreshed(two, { backend, setupOf, signerOf })
    for (const { share } of stages) expect(share).toMatchObject({ identities, epoch: 1 })
  })

  test('K10 otherwise its acknowledgement is nobody’s', async () => {
    const setupOf = (self: number, honest: RefreshSetup) =>
      self === alice ? { ...honest, share: { ...honest.share, identities } } : honest
    const sim = await simulateRefresh(two, { backend, setupOf, signerOf })
    expect(abortOf(sim, bob)).toMatchObject({ code: 'BAD_PROOF', round: 4, culprits: [alice] })
  })
})

describe('secrets of the run are overwritten when it is over', () => {
  const run = async (honest: boolean) => {
    const draws: Uint8Array[] = []
    const sim = await simulateRefresh(two, {
      backend,
      rngOf: (self, rng) => (self === alice ? (n) => remember(draws, rng(n)) : rng),
      tamper: (m) => (honest || m.round < 3 || m.from === alice ? m : undefined),
    })
    return { choices: draws.filter((bytes) => bytes.length === 16), sim }
  }

  test.each([true, false])('whether it ended well or not: %p', async (honest) => {
    const { choices, sim } = await run(honest)
    expect(choices).toEqual([new Uint8Array(16)])
    expect(sim.outcomes.get(alice)!.status).toBe(honest ? 'done' : 'aborted')
  })

  test('but neither the result nor the old share', async () => {
    const { sim } = await run(true)
    const [{ share, pairs }] = outputs(sim) as [KeygenResult]
    const kept = [share.secret, pairs[0]!.zeroSeed, pairs[0]!.asAlice.seeds.coPath, two[0]!.share.secret]
    for (const bytes of kept) expect(bytes.some((byte) => byte !== 0)).toBe(true)
  })
})

describe('a setup no honest party could have is our own mistake', () => {
  const [{ share }] = two as [KeygenResult]
  const stageId = seeded('stage')(32)
  const refused = (setup: RefreshSetup) => () => refresh(setup, { backend, rng: seeded('rng'), sign: signAs(1) }).next()

  test('a stage id that is not 32 bytes', () => {
    expect(refused({ share, stageId: stageId.slice(1) })).toThrow(UsageError)
    expect(refused({ share, stageId: new Uint8Array(33) })).toThrow(UsageError)
  })

  test('a threshold below n, and an epoch after the last', () => {
    expect(refused({ share: { ...share, threshold: 1 }, stageId })).toThrow(UsageError)
    expect(refused({ share: { ...share, epoch: 0xffff_ffff }, stageId })).toThrow(UsageError)
  })

  test('a signer that is not our identity is found before it strands the others', async () => {
    const parties = refreshParties(
      two.map((stage) => stage.share),
      { backend, signerOf: (self, honest) => (self === alice ? signAs(2) : honest) },
    )
    const sim = await simulate(parties)
    expect(sim.outcomes.get(alice)).toMatchObject({ status: 'failed', error: expect.any(UsageError) as unknown })
    expect(sim.events.filter((event) => 'recorded' in event && event.party === alice)).toEqual([])
  })
})

function remember(draws: Uint8Array[], bytes: Uint8Array): Uint8Array {
  draws.push(bytes)
  return bytes
}
