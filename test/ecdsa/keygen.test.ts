import {
  decodeStage,
  encodeStage,
  fromBytesBE,
  keygen,
  type KeygenResult,
  type KeygenSetup,
  noble,
  q,
} from '@tandem/ecdsa'
import { partyIndex, UsageError } from '@tandem/rounds'
import { openAlice, openBob } from '../../shared/ecdsa/src/multiply/pprf.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenDeps, keygenParties, keygenSetup, signAs } from '../helpers/keygen.ts'
import { abortOf, outputs, sentBy, simulate } from '../helpers/simulate.ts'

const backend = remembering(fast)
const [alice, bob] = [partyIndex(1), partyIndex(2)]
const generate = async (parties: number) => outputs(await simulate(keygenParties({ parties, backend })))
const two = await generate(2)
const three = await generate(3)

describe.each([
  ['n2', two],
  ['n3', three],
])('%s', (_, results) => {
  const publicKeyOf = (secret: bigint) => fast.encode(fast.mulBase(secret))

  test('all parties hold the same public key, public shares, chain code, confirmation and certificate', () => {
    const common = ({ share, certificate }: KeygenResult) => ({ ...share, self: 0, secret: 0, certificate })
    for (const result of results) expect(common(result)).toEqual(common(results[0]!))
    expect(results.map(({ share }) => share.self)).toEqual(results.map((_, i) => i + 1))
  })

  test('the secrets add up to the private key of X, and any of them short does not', () => {
    const secrets = results.map(({ share }) => fromBytesBE(share.secret))
    const sum = (values: readonly bigint[]) => values.reduce((total, s) => total + s, 0n) % q
    expect(publicKeyOf(sum(secrets))).toEqual(results[0]!.share.publicKey)
    for (const [i] of secrets.entries()) {
      expect(publicKeyOf(sum(secrets.filter((_, j) => j !== i)))).not.toEqual(results[0]!.share.publicKey)
    }
  })

  test('every public share belongs to its secret', () => {
    for (const { share } of results) {
      expect(publicKeyOf(fromBytesBE(share.secret))).toEqual(share.publicShares[share.self - 1])
    }
  })

  test('every pair holds one zero seed, and one tag per direction', () => {
    for (const mine of pairsOf(results)) {
      const theirs = pairsOf(results).find(({ self, peer }) => self === mine.peer && peer === mine.self)!
      expect(theirs.zeroSeed).toEqual(mine.zeroSeed)
      expect([theirs.asBob.pd, theirs.asBob.tag]).toEqual([mine.asAlice.pd, mine.asAlice.tag])
    }
    const tags = pairsOf(results).map(({ asAlice }) => asAlice.tag.join())
    expect(new Set(tags).size).toBe(results.length * (results.length - 1))
  })

  test('in every direction Alice holds all of Bob’s leaves but one per tree', () => {
    for (const { self, peer, asAlice } of pairsOf(results)) {
      const { asBob } = pairsOf(results).find((pair) => pair.self === peer && pair.peer === self)!
      const { leaves: known, punctured } = openAlice(fast, asAlice.pd, asAlice.seeds)
      const { leaves } = openBob(fast, asBob.pd, asBob.seeds)
      for (let tree = 0; tree < 32; tree++) {
        for (let y = 0; y < 16; y++) {
          const place = 16 * tree + (y ^ punctured[tree]!)
          const same = seedAt(known, place).join() === seedAt(leaves, 16 * tree + y).join()
          expect(same).toBe(y !== punctured[tree])
        }
      }
    }
  })
})

test('noble alone makes the very same key', async () => {
  expect(outputs(await simulate(keygenParties({ backend: noble })))).toEqual(two)
}, 60_000)

test('another key id, or other randomness, makes another key', async () => {
  const [other] = outputs(await simulate(keygenParties({ backend, seed: 'other' })))
  expect(other!.share.publicKey).not.toEqual(two[0]!.share.publicKey)
  expect(other!.share.chainCode).not.toEqual(two[0]!.share.chainCode)
})

describe('the stage', () => {
  test('K15 is durable before the acknowledgement leaves, and is the whole result', async () => {
    const sim = await simulate(keygenParties({ backend }))
    for (const { share, pairs } of outputs(sim)) {
      const doings = sim.events.filter(({ party }) => party === share.self)
      const stored = doings.findIndex((event) => 'recorded' in event)
      const acknowledged = doings.findIndex((event) => 'sent' in event && event.sent.round === 4)
      expect(acknowledged).toBe(stored + 1)
      const event = doings[stored]!
      if (!('recorded' in event) || event.recorded.entry !== 'store') throw new Error('nothing was stored')
      expect(event.recorded.name).toBe('stage')
      expect(decodeStage(fast, event.recorded.bytes)).toEqual({ share, pairs })
      expect(event.recorded.bytes).toEqual(encodeStage(fast, { share, pairs }))
    }
  })

  test('a store that fails keeps the acknowledgement back, so that the peer has no key either', async () => {
    const sim = await simulate(keygenParties({ backend }), {
      record: (party) => (party === bob ? Promise.reject(new Error('disk full')) : undefined),
    })
    expect(sim.outcomes.get(bob)).toMatchObject({ status: 'failed', error: new Error('disk full') })
    expect(sentBy(sim).filter(({ from, round }) => from === bob && round === 4)).toEqual([])
    expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round: 4, culprits: [bob] })
  })
})

test('bodies have the lengths the spec gives', () => {
  const lengths = async () => {
    const sim = await simulate(keygenParties({ backend }))
    return sentBy(sim)
      .filter(({ from }) => from === alice)
      .map(({ body }) => body.length)
  }
  return expect(lengths()).resolves.toEqual([97, 8642, 5152, 64])
})

describe('secrets of the run are overwritten when it is over', () => {
  const drawsOf = async (honest: boolean) => {
    const draws: Uint8Array[] = []
    const parties = keygenParties({
      backend,
      rngOf: (self, rng) =>
        self === alice
          ? (n) => {
              const bytes = rng(n)
              if (n === 16) draws.push(bytes)
              return bytes
            }
          : rng,
    })
    const sim = await simulate(parties, { tamper: (m) => (honest || m.round < 3 || m.from === alice ? m : undefined) })
    return { draws, sim }
  }

  test('after a good one', async () => {
    const { draws } = await drawsOf(true)
    expect(draws).toEqual([new Uint8Array(16)])
  })

  test('after an aborted one', async () => {
    const { draws, sim } = await drawsOf(false)
    expect(abortOf(sim, alice)).toMatchObject({ code: 'SILENT_PEER', round: 3 })
    expect(draws).toEqual([new Uint8Array(16)])
  })

  test('but not the result', async () => {
    const { sim } = await drawsOf(true)
    const [{ share, pairs }] = outputs(sim) as [KeygenResult]
    for (const kept of [
      share.secret,
      pairs[0]!.zeroSeed,
      pairs[0]!.asAlice.seeds.coPath,
      pairs[0]!.asBob.seeds.roots,
    ]) {
      expect(kept.some((byte) => byte !== 0)).toBe(true)
    }
  })
})

describe('a setup no honest party could have is our own mistake', () => {
  const refused = (change: Partial<KeygenSetup>) => () =>
    keygen({ ...keygenSetup(1), ...change }, keygenDeps(alice)).next()

  test('K2 two parties with one identity', () => {
    const { identities } = keygenSetup(1)
    expect(refused({ identities: [identities[0]!, identities[0]!] })).toThrow(UsageError)
    expect(refused({ identities: [...identities, identities[1]!], threshold: 3 })).toThrow(UsageError)
  })

  test('K2 an index beyond the parties', () => {
    expect(refused({ self: partyIndex(3) })).toThrow(UsageError)
  })

  test('one party, a threshold below n, an identity that is not 32 bytes', () => {
    const { identities } = keygenSetup(1)
    expect(refused({ identities: identities.slice(0, 1), threshold: 1 })).toThrow(UsageError)
    expect(refused({ threshold: 1 })).toThrow(UsageError)
    expect(refused({ identities: [identities[0]!, new Uint8Array(31)] })).toThrow(UsageError)
  })

  test('a signer that is not our identity is found before it strands the others', async () => {
    const sim = await simulate(
      keygenParties({ backend, signerOf: (self, honest) => (self === alice ? signAs(2) : honest) }),
    )
    expect(sim.outcomes.get(alice)).toMatchObject({ status: 'failed', error: expect.any(UsageError) as unknown })
    expect(sim.events.filter((event) => 'recorded' in event && event.party === alice)).toEqual([])
  })
})

function pairsOf(results: readonly KeygenResult[]) {
  return results.flatMap(({ pairs }) => pairs)
}

function seedAt(leaves: Uint8Array, place: number): Uint8Array {
  return leaves.slice(16 * place, 16 * place + 16)
}
