import { combine } from '../../shared/ecdsa/src/signing/assemble.ts'
import { H2S } from '../../shared/ecdsa/src/math/hash.ts'
import { fromBytesBE, q, randomScalar, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import { onlineShare } from '../../shared/ecdsa/src/signing/online.ts'
import { decodePresignature, encodePresignature } from '../../shared/ecdsa/src/signing/presignature.ts'
import { lowS } from '../../shared/ecdsa/src/signing/signature.ts'
import { fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { decompressed, inverse, residue, times } from '../helpers/reference/curve.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll } from '../helpers/signing.ts'
import { outputs } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

// The forgery that makes re-randomisation mandatory: whoever knows R before it names the digest, and gets raw digests
// signed, gets a signature on a digest it never showed. Source: docs/spec/sign.md, 2.3.

const dealt = dealtKey(fast, 2, seeded('forgery'))
const key = currentKey(dealt)

/** What a signer answers to a raw digest: r and s. */
type Oracle = (digest: Uint8Array) => { readonly r: bigint; readonly s: bigint }

/** A digest that is never shown to the signers, and the signature made from one on another digest. */
function forge(R: Uint8Array, signed: Oracle) {
  const wanted = signedText('everything to the attacker').digest
  const a = 0x5eedn
  const rWanted = times(a, decompressed(R))!.x % q
  const rKnown = decompressed(R)!.x % q
  const asked = residue(fromBytesBE(wanted) * rKnown * inverse(rWanted, q), q)

  const { r, s } = signed(toBytes32(asked))
  const forged = lowS(residue(s * rWanted * inverse(r * a, q), q), 0).s
  return { wanted, signature: Uint8Array.from([...toBytes32(rWanted), ...toBytes32(forged)]) }
}

async function presignatures() {
  const sealed = outputs(await presignAll(dealt, { backend: fast })).map(encodePresignature)
  return { R: decodePresignature(sealed[0]!).R, open: () => sealed.map(decodePresignature) }
}

test('a presignature without re-randomisation signs a digest nobody approved', async () => {
  const { R, open } = await presignatures()
  const withoutOffset: Oracle = (digest) => {
    const secrets = open().map(({ nonce }) => nonce.take())
    const sum = (bytes: 'u' | 'v' | 'phi') => secrets.reduce((total, part) => total + fromBytesBE(part[bytes]), 0n)
    const r = decompressed(R)!.x % q
    return { r, s: residue((fromBytesBE(digest) * sum('phi') + r * sum('v')) * inverse(sum('u'), q), q) }
  }
  const { wanted, signature } = forge(R, withoutOffset)
  expect(fast.verify(signature, wanted, key.publicKey)).toBe(true)
})

test('re-randomised, the same attack signs nothing', async () => {
  const { R, open } = await presignatures()
  const oracle: Oracle = (digest) => {
    const online = open().map((presignature) => onlineShare(fast, presignature, key, messageOf(digest)))
    const shares = online.map(({ share }) => share)
    const { compact } = combine(fast, online[0]!.target, shares, 'any')
    return { r: fromBytesBE(compact.subarray(0, 32)), s: fromBytesBE(compact.subarray(32)) }
  }
  const { wanted, signature } = forge(R, oracle)
  expect(fast.verify(signature, wanted, key.publicKey)).toBe(false)
})

test('S25 the offset is the hash of exactly seven parts', async () => {
  const { R, open } = await presignatures()
  const [device] = open()
  const message = messageOf(signedText('fixed').digest, [1])
  const { target } = onlineShare(fast, device!, key, message)

  const parts = [device!.id, R, target.publicKey, message.digest, Uint8Array.of(0, 0, 0, 1), message.rhoS, message.rhoD]
  const delta = H2S(fast, 'sign/delta', ...parts)
  const moved = fast.add(fast.decode(R), fast.mulBase(delta))
  expect(fast.encode(moved).subarray(1)).toEqual(toBytes32(target.r))
})

test('scalars are drawn without bias: each value of the top four bits as often as chance allows', () => {
  const rng = seeded('bias')
  const counts = new Array<number>(16).fill(0)
  const runs = 4000
  for (let i = 0; i < runs; i++) counts[Number(randomScalar(rng) >> 252n)]!++
  const chiSquare = counts.reduce((sum, count) => sum + (count - runs / 16) ** 2 / (runs / 16), 0)
  // 15 degrees of freedom: above 44.3 once in ten thousand, and the seed is fixed.
  expect(chiSquare).toBeLessThan(44.3)
})
