import { partyIndex, ProtocolAbort, sessionId, UsageError } from '@tandem/rounds'
import * as fc from 'fast-check'
import { checkSignature, combine } from '../../shared/ecdsa/src/signing/assemble.ts'
import type { Backend, Point } from '../../shared/ecdsa/src/math/backend.ts'
import { noble } from '../../shared/ecdsa/src/math/noble.ts'
import { fromBytesBE, mod, q, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import {
  type CurrentKey,
  decodeSignatureShare,
  encodeSignatureShare,
  type OnlineMessage,
  onlineShare,
  type SigningTarget,
} from '../../shared/ecdsa/src/signing/online.ts'
import { decodePresignature, encodePresignature } from '../../shared/ecdsa/src/signing/presignature.ts'
import { fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { inverse } from '../helpers/reference/curve.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll } from '../helpers/signing.ts'
import { outputs } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const dealt = dealtKey(fast, 2, seeded('presignature'))
const key = currentKey(dealt)
const payment = signedText('pay 1')
const message = messageOf(payment.digest)
const DEVICE = partyIndex(1)

let sealed: readonly Uint8Array[]
beforeAll(async () => {
  sealed = outputs(await presignAll(dealt, { backend: fast })).map(encodePresignature)
})

/** What an attacker on the store would need: the same presignature as often as it likes. */
const restore = (party: number) => decodePresignature(sealed[party - 1]!)
const shareOf = (party: number, what: OnlineMessage = message, backend: Backend = fast, of: CurrentKey = key) =>
  onlineShare(backend, restore(party), of, what)
const unattributed = expect.objectContaining({ code: 'UNATTRIBUTED', verdict: 'retry', culprits: [] })

describe('a presignature', () => {
  test('S16 is used once, also by two calls at a time', async () => {
    const presignature = restore(1)
    const call = async () => onlineShare(fast, presignature, key, message)
    const settled = await Promise.allSettled([call(), call()])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(settled[1]).toMatchObject({ reason: expect.any(UsageError) })
  })

  test.each([
    ['of another epoch', { ...key, epoch: key.epoch + 1 }],
    ['of another key', { ...key, publicKey: fast.encode(fast.mulBase(5n)) }],
    ['of other signers', { ...key, signers: [1, 2, 3].map(partyIndex) }],
  ])('S23 %s is refused', (_name, current) => {
    expect(() => shareOf(1, message, fast, current)).toThrow(UsageError)
  })

  test.each([
    ['digest', { digest: new Uint8Array(31) }],
    ['ρ_S', { rhoS: new Uint8Array(33) }],
    ['ρ_D', { rhoD: new Uint8Array() }],
  ])('S25 with a %s that is not 32 bytes is kept', (_name, part) => {
    const presignature = restore(1)
    expect(() => onlineShare(fast, presignature, key, { ...message, ...part })).toThrow(UsageError)
    expect(onlineShare(fast, presignature, key, message).share.id).toEqual(presignature.id)
  })

  test('S25 leads to another nonce when any part of the message changes', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const part = fc.oneof(
      fc.record({ digest: bytes32 }),
      fc.record({ rhoS: bytes32 }),
      fc.record({ rhoD: bytes32 }),
      fc.record({ path: fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 2 }) }),
    )
    const { r } = shareOf(1).target
    fc.assert(
      fc.property(part, (changed) => shareOf(1, { ...message, ...changed }).target.r !== r),
      { numRuns: 30 },
    )
  })

  test.each([
    ['digest', { digest: signedText('pay 1000').digest }],
    ['path', { path: [1] }],
    ['ρ_S', { rhoS: new Uint8Array(32) }],
    ['ρ_D', { rhoD: new Uint8Array(32) }],
  ])('S25 S28 used by the two signers for a different %s signs nothing', (_name, part) => {
    const [device, server] = [shareOf(1, { ...message, ...part }), shareOf(2)]
    for (const { target } of [device, server]) {
      expect(() => combine(fast, target, [device.share, server.share], 'any')).toThrow(unattributed)
    }
  })
})

describe('a nonce that vanishes', () => {
  // x = q is on the curve, so r = 0 can be had by whoever controls δ; here it is a stub of the hash.
  const atOrder = noble.decode(Uint8Array.of(2, ...toBytes32(q)))
  const withDelta = (delta: bigint): Backend => ({
    ...noble,
    sha512: () => Uint8Array.from([...new Uint8Array(16), ...toBytes32(delta), ...new Uint8Array(16)]),
  })
  const presignatureAt = (R: Point) => ({ ...restore(1), R: noble.encode(R) })

  test("S14 R′ = O is nobody's fault", () => {
    const presignature = presignatureAt(noble.negate(noble.mulBase(77n)))
    expect(() => onlineShare(withDelta(77n), presignature, key, message)).toThrow(unattributed)
  })

  test("S14 r = 0 is nobody's fault", () => {
    const presignature = presignatureAt(noble.add(atOrder, noble.negate(noble.mulBase(77n))))
    expect(() => onlineShare(withDelta(77n), presignature, key, message)).toThrow(unattributed)
  })
})

describe('the share on the wire', () => {
  test('is 128 bytes and comes back as it was', () => {
    const { share } = shareOf(1)
    const bytes = encodeSignatureShare(share)
    expect(bytes).toHaveLength(128)
    expect(decodeSignatureShare(bytes, DEVICE)).toEqual(share)
  })

  test.each([0, 127, 129, 256])('of %i bytes is malformed', (length) => {
    const decode = () => decodeSignatureShare(new Uint8Array(length), DEVICE)
    expect(decode).toThrow(new ProtocolAbort('MALFORMED', 3, [DEVICE]))
  })

  test.each([
    ['u′', 64],
    ['w', 96],
  ])('S9 with %s not below the order is a strike', (_name, at) => {
    const bytes = encodeSignatureShare(shareOf(1).share)
    bytes.set(toBytes32(q), at)
    expect(() => decodeSignatureShare(bytes, DEVICE)).toThrow(new ProtocolAbort('BAD_ENCODING', 3, [DEVICE]))
  })

  test('S23 of another presignature is not added', () => {
    const [device, server] = [shareOf(1), shareOf(2)]
    const foreign = { ...device.share, id: sessionId(new Uint8Array(32).fill(1)) }
    const add = () => combine(fast, server.target, [foreign, server.share], 'any')
    expect(add).toThrow(new ProtocolAbort('MISMATCH', 3))
  })

  test('S28 with any bit of u′ or w turned over signs nothing', () => {
    const [device, server] = [shareOf(1), shareOf(2)]
    const bytes = encodeSignatureShare(device.share)
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 511 }), (bit) => {
        const at = 64 + (bit >>> 3)
        const share = decodeSignatureShare(bytes.with(at, bytes[at]! ^ (1 << (bit & 7))), DEVICE)
        expect(() => combine(fast, server.target, [share, server.share], 'any')).toThrow(unattributed)
      }),
      // the first byte of a scalar may leave the range, which is another test
      { numRuns: 50, examples: [[511], [8]] },
    )
  })
})

describe('assembly', () => {
  const share = (u: bigint, w: bigint) => ({ ...shareOf(1).share, u: toBytes32(mod(u)), w: toBytes32(mod(w)) })

  test.each([
    ['u', [5n, -5n], [3n, 4n]],
    ['w', [3n, 4n], [5n, -5n]],
  ] as const)('S17 refuses shares whose %s cancel', (_name, [u1, u2], [w1, w2]) => {
    const { target } = shareOf(1)
    expect(() => combine(fast, target, [share(u1, w1), share(u2, w2)], 'any')).toThrow(unattributed)
  })

  test('S18 verifies: a recovery that agrees with everything does not help a wrong signature', () => {
    const { target, share: server } = shareOf(2)
    const gullible: Backend = { ...fast, recover: () => target.publicKey }
    expect(() => combine(gullible, target, [share(1n, 2n), server], 'any')).toThrow(unattributed)
  })

  test('S18 recovers: a verifier that agrees with everything does not help a wrong signature', () => {
    const { target, share: server } = shareOf(2)
    const gullible: Backend = { ...fast, verify: () => true }
    expect(() => combine(gullible, target, [share(1n, 2n), server], 'any')).toThrow(unattributed)
  })

  test('S18 the twin with high s and a wrong recovery id are refused', () => {
    const [device, server] = [shareOf(1), shareOf(2)]
    const { compact, recovery } = combine(fast, server.target, [device.share, server.share], 'any')
    const s = fromBytesBE(compact.subarray(32))
    expect(s <= q / 2n).toBe(true)
    const twin = Uint8Array.from([...compact.subarray(0, 32), ...toBytes32(q - s)])
    const check = (signature: typeof compact, id: number) => () =>
      checkSignature(fast, server.target, { compact: signature, recovery: id }, 'any')
    expect(check(compact, recovery)).not.toThrow()
    expect(check(twin, recovery ^ 1)).toThrow(unattributed)
    expect(check(compact, recovery ^ 1)).toThrow(unattributed)
    expect(check(compact, recovery | 2)).toThrow(unattributed)
  })

  test('S27 a recovery id that no EVM chain can carry is discarded there, and only there', () => {
    const { target, shares } = beyondOrder(2n)
    expect(combine(fast, target, shares, 'any').recovery).toBeGreaterThanOrEqual(2)
    expect(() => combine(fast, target, shares, 'evm')).toThrow(unattributed)
  })

  test('a signature with r that wrapped around verifies everywhere', () => {
    const { target, shares } = beyondOrder(4n)
    expect(refusals(combine(fast, target, shares, 'any'), payment, target.publicKey)).toEqual([])
  })
})

/** A signature whose R has x = q + excess, under the key that makes it one: s = 9 is chosen, X follows. */
function beyondOrder(excess: bigint): { target: SigningTarget; shares: ReturnType<typeof shareOf>['share'][] } {
  const R = noble.decode(Uint8Array.of(2, ...toBytes32(q + excess)))
  const [s, m] = [9n, fromBytesBE(payment.digest) % q]
  const sRminusMG = noble.add(noble.mul(R, s), noble.negate(noble.mulBase(m)))
  const publicKey = noble.encode(noble.mul(sRminusMG, inverse(excess, q)))
  const { share } = shareOf(1)
  const target = { id: restore(1).id, digest: payment.digest, publicKey, r: excess, recovery: 2 }
  return { target, shares: [{ ...share, u: toBytes32(1n), w: toBytes32(s) }] }
}
