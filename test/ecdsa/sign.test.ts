import { partyIndex, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { combine } from '../../shared/ecdsa/src/signing/assemble.ts'
import { derive } from '../../shared/ecdsa/src/derive.ts'
import { noble } from '../../shared/ecdsa/src/math/noble.ts'
import { fromBytesBE, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import { encodeSignatureShare, onlineShare } from '../../shared/ecdsa/src/signing/online.ts'
import { decodePresignature, encodePresignature } from '../../shared/ecdsa/src/signing/presignature.ts'
import { backends, fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { TH } from '../helpers/reference/hash.ts'
import { referenceRounds, referenceSignature } from '../helpers/reference/sign.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { outputs, sentBy } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const two = dealtKey(fast, 2, seeded('sign 2'))
const three = dealtKey(fast, 3, seeded('sign 3'))
const SERVER = partyIndex(2)

const path = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 3 })

/** Sealed bytes of a presignature of every party, so that a test may try what no service could: use it again. */
async function sealedPresignatures(dealt: typeof two, seed: string) {
  return outputs(await presignAll(dealt, { seed })).map(encodePresignature)
}

describe.each(backends)('on $name', (backend) => {
  test.each([
    { name: 't2n2, each assembles', dealt: two, assembler: 'all' as const },
    { name: 't2n2, the server assembles', dealt: two, assembler: SERVER },
    { name: 't3n3, each assembles', dealt: three, assembler: 'all' as const },
    { name: 't3n3, one assembles', dealt: three, assembler: SERVER },
  ])('$name: all get one signature, valid for every verifier', async ({ dealt, assembler }) => {
    const signed = signedText('a payment')
    const message = messageOf(signed.digest, [44, 60, 0])
    const signatures = outputs(await signAll(dealt, { message, assembler }, { backend }))

    const child = derive(backend, currentKey(dealt), message.path).publicKey
    expect(signatures).toEqual(dealt.signers.map(() => signatures[0]))
    expect(refusals(signatures[0]!, signed, child)).toEqual([])
  })

  test.each([two, three])(
    'a presignature of $signers.length becomes a signature when the message is known',
    async (dealt) => {
      const signed = signedText('later')
      const presignatures = outputs(await presignAll(dealt, { backend, seed: 'later' }))
      const message = messageOf(signed.digest, [7])
      const online = presignatures.map((p) => onlineShare(backend, p, currentKey(dealt), message))

      const signature = combine(
        backend,
        online[0]!.target,
        online.map(({ share }) => share),
        'evm',
      )
      expect(refusals(signature, signed, online[0]!.target.publicKey)).toEqual([])
      expect(encodeSignatureShare(online[0]!.share)).toHaveLength(128)
    },
  )
})

test('any digest under any path verifies everywhere', async () => {
  const sealed = await sealedPresignatures(two, 'property')
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), path, (text, steps) => {
      const signed = signedText(text)
      const message = messageOf(signed.digest, steps)
      const online = sealed.map((bytes) => onlineShare(fast, decodePresignature(bytes), currentKey(two), message))
      const signature = combine(
        fast,
        online[0]!.target,
        online.map(({ share }) => share),
        'any',
      )
      expect(refusals(signature, signed, online[1]!.target.publicKey)).toEqual([])
    }),
    { numRuns: 40 },
  )
})

test('extreme digests are signed as the numbers they are', async () => {
  const sealed = await sealedPresignatures(two, 'extreme')
  const extremes = [0n, 1n, 2n ** 256n - 1n, 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n]
  for (const digest of extremes.map(toBytes32)) {
    const online = sealed.map((b) => onlineShare(noble, decodePresignature(b), currentKey(two), messageOf(digest)))
    const { compact } = combine(
      noble,
      online[0]!.target,
      online.map(({ share }) => share),
      'any',
    )
    expect(backends.map((backend) => backend.verify(compact, digest, currentKey(two).publicKey))).not.toContain(false)
  }
})

test.each([
  { dealt: two, steps: [] },
  { dealt: two, steps: [0, 2 ** 31 - 1] },
  { dealt: three, steps: [5] },
])('the slow reference makes the same signature under $steps', async ({ dealt, steps }) => {
  const { digest } = signedText(`reference ${steps.length}`)
  const message = messageOf(digest, steps)
  const seed = `signature ${steps.length}`
  const simulation = await signAll(dealt, { message, assembler: 'all' }, { seed })

  const rng = seeded(seed)
  const parties = dealt.signers.map((index) => {
    const own = rng.fork(index)
    const { share, pairs } = dealt.keys.get(index)!
    const zeroSeeds = new Map([...pairs].map(([peer, { zeroSeed }]) => [peer, zeroSeed]))
    const [r, phi, salt] = [own(32), own(32), own(32)]
    return { index, share: fromBytesBE(share.secret), zeroSeeds, r: fromBytesBE(r), phi: fromBytesBE(phi), salt }
  })
  const { ssid, epoch } = dealt.keys.get(dealt.signers[0]!)!.share
  const steps32 = Buffer.concat(steps.map((i) => Buffer.from(i.toString(16).padStart(8, '0'), 'hex')))
  const bind = TH('bind', digest, steps32)
  const rounds = referenceRounds({ ssid, epoch, mode: 1, sigid: rng.fork('sigid')(32), bind, parties })
  const expected = referenceSignature(rounds, { ...currentKey(dealt), ...message })

  expect(sentBy(simulation)[0]!.sid).toEqual(rounds.sid)
  expect(outputs(simulation)[0]).toEqual(expected.signature)
})

test('the assembler stores a verified signature before it hands it out', async () => {
  const message = messageOf(signedText('stored').digest)
  const simulation = await signAll(two, { message, assembler: SERVER })

  const [signature] = outputs(simulation)
  const last = simulation.events.slice(-2)
  expect(last).toEqual([
    { party: 2, recorded: { entry: 'store', name: 'signature', bytes: expect.any(Uint8Array) } },
    {
      party: 2,
      sent: expect.objectContaining({ round: 4, body: Uint8Array.from([...signature!.compact, signature!.recovery]) }),
    },
  ])
})

test('an assembler that does not sign is our mistake', async () => {
  const message = messageOf(signedText('who').digest)
  const { outcomes } = await signAll(two, { message, assembler: partyIndex(3) })
  for (const outcome of outcomes.values()) expect(outcome).toEqual({ status: 'failed', error: expect.any(UsageError) })
})

test('r looks uniform: each value of its top four bits comes up as often as chance allows', async () => {
  const [sealed] = await sealedPresignatures(two, 'distribution')
  const counts = new Array<number>(16).fill(0)
  const runs = 800
  for (let i = 0; i < runs; i++) {
    const { digest } = signedText(`distribution ${i}`)
    const { target } = onlineShare(fast, decodePresignature(sealed!), currentKey(two), messageOf(digest))
    counts[Number(target.r >> 252n)]!++
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - runs / 16) ** 2 / (runs / 16), 0)
  // 15 degrees of freedom: above 44.3 once in ten thousand, and the seed is fixed.
  expect(chiSquare).toBeLessThan(44.3)
})
