import { type Message, partyIndex } from '@tandem/rounds'
import { le16 } from '../../shared/ecdsa/src/math/bytes.ts'
import { TH } from '../../shared/ecdsa/src/math/hash.ts'
import { fromBytesBE, q, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import { LAMBDA } from '../../shared/ecdsa/src/signing/gamma.ts'
import { fast as backend } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { inverse } from '../helpers/reference/curve.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, type Setting, signAll } from '../helpers/signing.ts'
import { flip, OFFER, read, REPLY, write } from '../helpers/signing-fields.ts'
import { abortOf, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

const SEED = 'cheats'
const two = dealtKey(backend, 2, seeded('cheats of two'))
const three = dealtKey(backend, 3, seeded('cheats of three'))
const message = messageOf(signedText('cheats').digest)

/** What party i draws first: r, φ, salt, in this order. */
function drawnBy(party: number) {
  const rng = seeded(SEED).fork(party)
  const [r, phi, salt] = [fromBytesBE(rng(32)), fromBytesBE(rng(32)), rng(32)]
  return { r, phi, salt, R: backend.encode(backend.mulBase(r)) }
}

/** Party `liar` commits to this R and salt instead of its own, and echoes as if it had been so from the start. */
function recommit(liar: number, commitment: (sent: Message) => Uint8Array, R: Uint8Array, salt: Uint8Array): Tamper {
  const victim = 3 - liar
  const honest = drawnBy(victim)
  return (sent) => {
    if (sent.from !== liar) return sent
    if (sent.round === 1) return write(sent.body, OFFER.commitment, commitment(sent))
    if (sent.round !== 2) return sent
    const theirs = TH(backend, 'sign/com', sent.sid, le16(victim), honest.salt, honest.R)
    const both = [[liar, commitment(sent)] as const, [victim, theirs] as const].toSorted(([i], [j]) => i - j)
    const echo = TH(backend, 'sign/echo1', sent.sid, ...both.flatMap(([i, com]) => [le16(i), com]))
    return write(write(write(sent.body, REPLY.echo, echo), REPLY.R, R), REPLY.salt, salt)
  }
}

test.each([
  ['off the curve', `02${'7'.padStart(64, '0')}`],
  ['with x ≥ p', `03${'f'.repeat(64)}`],
  ['uncompressed', `04${'1'.repeat(64)}`],
])('S8 a nonce point %s is a strike, though its commitment opens', async (_name, hex) => {
  const R = Uint8Array.from(Buffer.from(hex, 'hex'))
  const { salt } = drawnBy(1)
  const commitment = (sent: Message) => TH(backend, 'sign/com', sent.sid, le16(1), salt, R)
  const simulation = await presignAll(two, { backend, seed: SEED, tamper: recommit(1, commitment, R, salt) })
  expect(abortOf(simulation, 2)).toMatchObject({ code: 'BAD_ENCODING', round: 2, culprits: [1], verdict: 'strike' })
})

test("S7 a commitment copied from another party does not open, because the author's index is in it", async () => {
  const { R, salt } = drawnBy(1)
  const copied = (sent: Message) => TH(backend, 'sign/com', sent.sid, le16(1), salt, R)
  const simulation = await presignAll(two, { backend, seed: SEED, tamper: recommit(2, copied, R, salt) })
  expect(abortOf(simulation, 1)).toMatchObject({ code: 'BAD_COMMITMENT', round: 2, culprits: [2], verdict: 'strike' })
})

test('S7 names all parties whose opening does not match, not only the first', async () => {
  const tamper: Tamper = (sent) => (sent.round === 2 && sent.to === 1 ? flip(sent.body, REPLY.salt, 0) : sent)
  const simulation = await presignAll(three, { backend, tamper })
  expect(abortOf(simulation, 1)).toMatchObject({ code: 'BAD_COMMITMENT', culprits: [2, 3] })
})

test('S6 two commitments of one party are found before anything depends on them', async () => {
  const tamper: Tamper = (sent) =>
    sent.round === 1 && sent.from === 3 && sent.to === 2 ? flip(sent.body, OFFER.commitment, 0) : sent
  const simulation = await presignAll(three, { backend, tamper })
  for (const party of [1, 2, 3]) {
    expect(abortOf(simulation, party)).toMatchObject({
      code: 'ECHO_MISMATCH',
      round: 2,
      culprits: [],
      verdict: 'retry',
    })
  }
})

describe('a false Γ', () => {
  const withGamma = (edit: (body: Uint8Array) => Uint8Array) =>
    presignAll(two, { backend, tamper: (sent) => (sent.round === 2 && sent.from === 1 ? edit(sent.body) : sent) })
  const struck = { code: 'BAD_GAMMA', round: 2, culprits: [1], verdict: 'strike' }
  const shifted = (body: Uint8Array, field: (typeof REPLY)['gammaU'], by: bigint) => {
    const P = backend.add(backend.decode(read(body, field)), backend.mulBase(by))
    return write(body, field, backend.encode(P))
  }

  test.each([
    ['S11', REPLY.gammaU],
    ['S12', REPLY.gammaV],
  ])('%s shifted by one is a strike', async (_id, field) => {
    expect(abortOf(await withGamma((body) => shifted(body, field, 1n)), 2)).toMatchObject(struck)
  })

  test('S12 with a pk that is not the one multiplied is a strike', async () => {
    expect(abortOf(await withGamma((body) => shifted(body, REPLY.pk, 1n)), 2)).toMatchObject(struck)
  })

  test.each([1n, 2n, LAMBDA])(
    'S11 S12 errors in both that cancel for the factor %s do not cancel for ours',
    async (rho) => {
      const edit = (body: Uint8Array) => shifted(shifted(body, REPLY.gammaU, q - rho), REPLY.gammaV, 1n)
      expect(abortOf(await withGamma(edit), 2)).toMatchObject(struck)
    },
  )
})

test('the factor of the batched check spreads over 2^128 values', () => {
  expect((LAMBDA * LAMBDA + LAMBDA + 1n) % q).toBe(0n)
  // Two equal factors would give a + b·λ = 0 mod q with |a|, |b| < 2^64. So would (x, y): then q divides a·y − b·x, which
  // is shorter than q and so is 0; and (x, y), having no common divisor, would divide (a, b), which is shorter.
  const [x, y] = [0x3086d221a7d46bcde86c90e49284eb15n, 0xe4437ed6010e88286f547fa90abfe4c3n]
  expect((x - y * LAMBDA) % q).toBe(0n)
  expect(2n ** 64n * (x + y) < q && x > 2n ** 64n && (inverse(x, y) * x) % y === 1n).toBe(true)
})

test('S13 a share that is not the one of the key is noticed, though nobody can say whose', async () => {
  const cheat = (party: number, honest: Setting): Setting => {
    if (party !== 1) return honest
    const secret = toBytes32((fromBytesBE(honest.key.share.secret) + 1n) % q)
    return { ...honest, key: { ...honest.key, share: { ...honest.key.share, secret } } }
  }
  const simulation = await presignAll(two, { backend, cheat })
  for (const party of [1, 2]) {
    expect(abortOf(simulation, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
  }
})

test('S14 nonces that cancel leave no nonce', async () => {
  const cheat = (party: number, honest: Setting): Setting => {
    if (party !== 2) return honest
    let draws = 0
    const opposite = toBytes32(q - drawnBy(1).r)
    return { ...honest, rng: (n) => (draws++ === 0 ? opposite : honest.rng(n)) }
  }
  const simulation = await presignAll(two, { backend, seed: SEED, cheat })
  expect(abortOf(simulation, 1)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
})

test.each([
  ['one honest party', [2]],
  ['both honest parties, differently', [2, 3]],
])('S28 a wrong ψ to %s spoils the signature of three and accuses nobody', async (_name, victims) => {
  const tamper: Tamper = ({ round, from, to, body, ...rest }) => {
    if (round !== 2 || from !== 1 || !victims.includes(to)) return { round, from, to, body, ...rest }
    const psi = (fromBytesBE(read(body, REPLY.psi)) + BigInt(to)) % q
    return write(body, REPLY.psi, toBytes32(psi))
  }
  const simulation = await signAll(three, { message, assembler: 'all' }, { backend, tamper })
  for (const party of [1, 2, 3]) {
    expect(abortOf(simulation, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 3, culprits: [], verdict: 'retry' })
  }
})

test('the ζ of one run are new in the next: pk says nothing about the share', async () => {
  const pks = await Promise.all(
    ['one', 'two'].map(async (seed) => {
      const { events } = await presignAll(three, { backend, seed })
      const reply = events.flatMap((e) => ('sent' in e && e.party === 1 && e.sent.round === 2 ? e.sent.body : []))[0]!
      return Buffer.from(read(reply, REPLY.pk)).toString('hex')
    }),
  )
  const own = three.keys.get(partyIndex(1))!.share.publicShares[0]!
  expect(new Set([...pks, Buffer.from(own).toString('hex')]).size).toBe(3)
})
