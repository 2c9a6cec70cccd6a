import { combine, derive, encodePresignature, fromBytesBE, onlineShare, presign, q } from '@tandem/ecdsa'
import { type PartyIndex, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { fast as backend } from '../helpers/backends.ts'
import { dealtThresholdKey } from '../helpers/dealt-key.ts'
import { referenceRounds, referenceSignature } from '../helpers/reference/sign.ts'
import { basisAt, subsets } from '../helpers/reference/shamir.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, outputs, sentBy } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const t2n3 = dealtThresholdKey(backend, 2, 3, seeded('t2n3'))
const t3n5 = dealtThresholdKey(backend, 3, 5, seeded('t3n5'))
const t4n7 = dealtThresholdKey(backend, 4, 7, seeded('t4n7'))
const text = signedText('a quorum')
const message = messageOf(text.digest, [44, 60])
const how = { message, assembler: 'all' as const }
const by = (key: typeof t2n3, signers: readonly number[]) => ({ ...key, signers: signers.map(partyIndex) })
const presigned = async (key: typeof t2n3, signers: readonly number[], seed = 'presign') =>
  outputs(await presignAll(by(key, signers), { backend, seed }))

test.each([
  ...subsets([1, 2, 3], 2).map((signers) => ({ name: 't2n3', key: t2n3, signers })),
  ...subsets([1, 2, 3, 4, 5], 3).map((signers) => ({ name: 't3n5', key: t3n5, signers })),
  { name: 't4n7', key: t4n7, signers: [1, 3, 6, 7] },
])('$name: $signers sign, for every verifier', async ({ key, signers }) => {
  const signatures = outputs(await signAll(by(key, signers), how, { backend }))
  const child = derive(backend, currentKey(key), message.path).publicKey
  expect(signatures).toEqual(signers.map(() => signatures[0]))
  expect(refusals(signatures[0]!, text, child)).toEqual([])
})

test('any quorum, any message, any path: a presignature of t becomes a signature', async () => {
  const quorum = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 3, maxLength: 3 })
  const path = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(quorum, fc.string({ maxLength: 40 }), path, async (some, words, steps) => {
      const signers = some.toSorted((a, b) => a - b)
      const signed = signedText(words)
      const current = currentKey(by(t3n5, signers))
      const presignatures = await presigned(t3n5, signers, `any ${signers.join()}`)
      const online = presignatures.map((one) => onlineShare(backend, one, current, messageOf(signed.digest, steps)))
      const shares = online.map(({ share }) => share)
      expect(refusals(combine(backend, online[0]!.target, shares, 'any'), signed, online[1]!.target.publicKey)).toEqual(
        [],
      )
    }),
    { numRuns: 12 },
  )
})

test('the slow reference makes the same signature', async () => {
  const signers = [2, 4, 5]
  const seed = 'reference'
  const simulation = await presignAll(by(t3n5, signers), { backend, seed })
  const rng = seeded(seed)
  const parties = signers.map((index) => {
    const own = rng.fork(index)
    const { share, pairs } = t3n5.keys.get(partyIndex(index))!
    const inRun = [...pairs].filter(([peer]) => signers.includes(peer))
    const zeroSeeds = new Map(inRun.map(([peer, { zeroSeed }]) => [peer as number, zeroSeed]))
    const weighted = (basisAt(index, signers, 0) * fromBytesBE(share.secret)) % q
    const [r, phi, salt] = [own(32), own(32), own(32)]
    return { index, share: weighted, zeroSeeds, r: fromBytesBE(r), phi: fromBytesBE(phi), salt }
  })
  const { ssid, epoch } = t3n5.keys.get(partyIndex(2))!.share
  const sigid = rng.fork('sigid')(32)
  const rounds = referenceRounds({ ssid, epoch, mode: 0, sigid, bind: new Uint8Array(32), parties })
  expect(rounds.x).toBe(t3n5.secret)
  expect(sentBy(simulation)[0]!.sid).toEqual(rounds.sid)

  const current = currentKey(by(t3n5, signers))
  const online = outputs(simulation).map((one) => onlineShare(backend, one, current, message))
  const shares = online.map(({ share }) => share)
  const expected = referenceSignature(rounds, { ...current, ...message })
  expect(combine(backend, online[0]!.target, shares, 'any')).toEqual(expected.signature)
})

test('S28 t − 1 of the shares, or one twice, are no signature', async () => {
  const signers = [1, 3, 4]
  const current = currentKey(by(t3n5, signers))
  const online = (await presigned(t3n5, signers)).map((one) => onlineShare(backend, one, current, message))
  const [a, b, c] = online.map(({ share }) => share)
  const sum = (...shares: NonNullable<typeof a>[]) => combine(backend, online[0]!.target, shares, 'any')
  expect(() => sum(a!, b!)).toThrow('UNATTRIBUTED')
  expect(() => sum(a!, b!, b!)).toThrow('UNATTRIBUTED')
  expect(refusals(sum(c!, a!, b!), text, online[0]!.target.publicKey)).toEqual([])
})

describe('the signer set', () => {
  const start = (signers: readonly number[]) => {
    const session = { sigid: sessionId(seeded('sigid')(32)), signers: some(...signers) }
    return presign(session, t3n5.keys.get(partyIndex(1))!, { backend, rng: seeded('S1') }).next()
  }

  test.each([[[1, 2]], [[1, 2, 3, 4]], [[1, 3, 2]], [[1, 2, 2]], [[1, 2, 6]], [[2, 3, 4]], [[]]])(
    'S1 of a 3-of-5 key is not %j for party 1',
    (signers) => {
      expect(() => start(signers)).toThrow(UsageError)
    },
  )

  test('K1 is bound by the session id: two views of it never meet', async () => {
    const simulation = await presignAll(by(t3n5, [1, 2, 3]), {
      backend,
      cheat: (party, honest) =>
        party === 1 ? { ...honest, session: { ...honest.session, signers: some(1, 2, 4) } } : honest,
    })
    expect(abortOf(simulation, 2)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' })
    expect(simulation.events.filter((event) => 'recorded' in event)).toEqual([])
  })

  test('S23 belongs to a presignature: those of one quorum are of no use to another', async () => {
    const [presignature] = await presigned(t3n5, [1, 2, 3])
    expect(() => onlineShare(backend, presignature!, currentKey(by(t3n5, [1, 2, 4])), message)).toThrow(UsageError)
    expect(encodePresignature(presignature!)).toHaveLength(201 + 2 * 3)
  })

  test('of one run has a nonce of its own: no two quorums share one', async () => {
    const nonces = await Promise.all(
      subsets([1, 2, 3], 2).map(async (some) => (await presigned(t2n3, some))[0]!.R.join()),
    )
    expect(new Set(nonces).size).toBe(3)
  })
})

test('what a signer uses of its share in one run is not its share, nor a multiple that another run repeats', async () => {
  const pkOf = async (seed: string) => {
    const simulation = await presignAll(by(t3n5, [1, 2, 3]), { backend, seed })
    return sentBy(simulation)
      .find((m) => m.from === 1 && m.round === 2)!
      .body.subarray(-98, -65)
  }
  const weight = basisAt(1, [1, 2, 3], 0)
  const own = backend.decode(t3n5.keys.get(partyIndex(1))!.share.publicShares[0]!)
  const [first, second] = [await pkOf('one run'), await pkOf('another')]
  expect(first).not.toEqual(second)
  expect(first).not.toEqual(backend.encode(backend.mulPublic(own, weight)))
})

function some(...signers: number[]): PartyIndex[] {
  return signers.map(partyIndex)
}
