import { type PartyIndex, partyIndex, sessionId, UsageError } from '@tandem/rounds'
import { noble } from '../../shared/ecdsa/src/math/noble.ts'
import { fromBytesBE, mod, q } from '../../shared/ecdsa/src/math/scalar.ts'
import { presign } from '../../shared/ecdsa/src/signing/presign.ts'
import {
  decodePresignature,
  encodePresignature,
  type Presignature,
} from '../../shared/ecdsa/src/signing/presignature.ts'
import { agreeOnNonce } from '../../shared/ecdsa/src/signing/signing-rounds.ts'
import { startSigning } from '../../shared/ecdsa/src/signing/signing-session.ts'
import { backends, fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { referenceRounds } from '../helpers/reference/sign.ts'
import { seeded } from '../helpers/rng.ts'
import { presignAll } from '../helpers/signing.ts'
import { outputs, sentBy } from '../helpers/simulate.ts'

const dealt = new Map([2, 3].map((n) => [n, dealtKey(fast, n, seeded(`presign ${n}`))]))

/** The three secrets of a presignature; it is used up. */
function secretsOf({ nonce }: Presignature) {
  const { u, v, phi } = nonce.take()
  return { u: fromBytesBE(u), v: fromBytesBE(v), phi: fromBytesBE(phi) }
}

describe.each([2, 3])('%i parties', (n) => {
  const key = dealt.get(n)!

  test.each(backends)('share kφ and xφ for the nonce of R, on $name', async (backend) => {
    const presignatures = outputs(await presignAll(key, { backend }))

    const R = presignatures[0]!.R
    expect(new Set(presignatures.map((p) => [p.id, p.epoch, p.publicKey, p.R, p.signers].join('|'))).size).toBe(1)
    const secrets = presignatures.map(secretsOf)
    const sum = (of: (s: (typeof secrets)[number]) => bigint) => mod(secrets.reduce((total, s) => total + of(s), 0n))
    const [kPhi, xPhi, phi] = [sum((s) => s.u), sum((s) => s.v), sum((s) => s.phi)]
    expect(xPhi).toBe((key.secret * phi) % q)
    expect(backend.encode(backend.mul(backend.decode(R), phi))).toEqual(backend.encode(backend.mulBase(kPhi)))
  })

  test('send exactly what the slow reference says, apart from the multiplication', async () => {
    const seed = `reference ${n}`
    const simulation = await presignAll(key, { seed })
    const rng = seeded(seed)
    const parties = key.signers.map((index) => {
      const own = rng.fork(index)
      const share = key.keys.get(index)!
      return {
        index,
        share: fromBytesBE(share.share.secret),
        zeroSeeds: new Map([...share.pairs].map(([peer, { zeroSeed }]) => [peer, zeroSeed])),
        r: fromBytesBE(own(32)),
        phi: fromBytesBE(own(32)),
        salt: own(32),
      }
    })
    const { ssid, epoch } = key.keys.get(key.signers[0]!)!.share
    const expected = referenceRounds({
      ...{ ssid, epoch, mode: 0, parties },
      ...{ sigid: rng.fork('sigid')(32), bind: new Uint8Array(32) },
    })

    expect(expected.x).toBe(key.secret)
    for (const { header, from, body } of sentBy(simulation).map((m) => ({
      header: m,
      from: m.from - 1,
      body: m.body,
    }))) {
      expect(header.sid).toEqual(expected.sid)
      if (header.round === 1) expect(body.subarray(8, 40)).toEqual(expected.commitments[from])
      if (header.round === 2) {
        expect(body.subarray(8, 40)).toEqual(expected.echo1)
        expect(body.subarray(-98, -65)).toEqual(expected.pks[from])
        expect(body.subarray(-65, -32)).toEqual(expected.Rs[from])
        expect(body.subarray(-32)).toEqual(parties[from]!.salt)
      }
      if (header.round === 3) expect(body).toEqual(expected.echo2)
    }
    expect(outputs(simulation)[0]!.R).toEqual(expected.R)
  })
})

test('both backends send the same bytes', async () => {
  const transcripts = await Promise.all(
    backends.map(async (backend) => sentBy(await presignAll(dealt.get(2)!, { backend })).map(({ body }) => body)),
  )
  for (const transcript of transcripts) expect(transcript).toEqual(transcripts[0])
})

test('two parties exchange the bytes the cost model counts', async () => {
  const simulation = await presignAll(dealt.get(2)!)
  const lengthsOf = (round: number) =>
    sentBy(simulation).flatMap((message) => (message.round === round ? message.body.length : []))
  expect([1, 2, 3].map(lengthsOf)).toEqual([
    [2296, 2296],
    [40268, 40268],
    [32, 32],
  ])
})

test('S22 opens a slot before each check and closes it before anything is answered', async () => {
  const { events } = await presignAll(dealt.get(3)!)
  const own = events.flatMap((event) => {
    if (event.party !== 1) return []
    return 'sent' in event
      ? `round ${event.sent.round}`
      : `${event.recorded.entry} ${'peer' in event.recorded ? event.recorded.peer : ''}`
  })
  expect(own).toEqual([
    ...['round 1', 'round 1', 'open 2', 'pass 2', 'open 3', 'pass 3'],
    ...['round 2', 'round 2', 'round 3', 'round 3'],
  ])
})

test('S16 a presignature is sealed once, and what comes out of the store is used once', async () => {
  const [presignature] = outputs(await presignAll(dealt.get(2)!))
  const bytes = encodePresignature(presignature!)

  expect(() => encodePresignature(presignature!)).toThrow(UsageError)
  const restored = decodePresignature(bytes)
  expect(restored).toMatchObject({ id: presignature!.id, epoch: 7, signers: [1, 2], R: presignature!.R })
  expect(encodePresignature(restored)).toEqual(bytes)
  expect(() => restored.nonce.take()).toThrow(UsageError)
})

test('nothing of a presignature prints or serialises', async () => {
  const [presignature] = outputs(await presignAll(dealt.get(2)!))
  expect(JSON.stringify(presignature)).toContain('"nonce":"[secret]"')
  expect(String(presignature!.nonce)).toBe('[secret]')
})

test('bytes that are not a presignature are refused', async () => {
  const [presignature] = outputs(await presignAll(dealt.get(2)!))
  const bytes = encodePresignature(presignature!)
  const damaged = [
    bytes.slice(1),
    bytes.slice(0, -1),
    bytes.with(0, 2),
    bytes.with(37, 3),
    bytes.with(39, 0),
    new Uint8Array(),
  ]
  for (const bad of damaged) expect(() => decodePresignature(bad)).toThrow(UsageError)
})

test('a run that is given up erases what waited for an answer', () => {
  const key = dealt.get(2)!
  const session = { sigid: sessionId(seeded('given up')(32)), signers: key.signers }
  const deps = { backend: noble, rng: seeded('given up') }
  const run = startSigning('presign', session, key.keys.get(partyIndex(1))!, deps, new Uint8Array(32))
  const rounds = agreeOnNonce(run)
  rounds.next()
  rounds.return(undefined as never)

  expect(run.waiting).toHaveLength(1)
  expect(() => run.waiting[0]!.take()).toThrow(UsageError)
})

describe('S1 refuses', () => {
  const key = dealt.get(3)!.keys.get(partyIndex(1))!
  const sigid = sessionId(seeded('sigid')(32))
  const start = (signers: readonly number[], own = key) =>
    presign({ sigid, signers: signers as PartyIndex[] }, own, { backend: noble, rng: seeded('S1') }).next()

  test.each([[[1, 2]], [[1, 2, 3, 4]], [[1, 3, 2]], [[1, 2, 2]], [[2, 3, 4]], [[1, 2, 4]], [[]]])(
    'S1 the signer set %j of a key of three',
    (signers) => {
      expect(() => start(signers)).toThrow(UsageError)
    },
  )

  test('S1 a run with a party we have no pair with', () => {
    const pairs = new Map([...key.pairs].slice(1))
    expect(() => start([1, 2, 3], { ...key, pairs })).toThrow(UsageError)
  })

  test('S1 a signer set we are not in', () => {
    const share = { ...key.share, self: partyIndex(4), parties: 4 }
    const pairs = new Map([...key.pairs, [partyIndex(1), [...key.pairs.values()][0]!]])
    expect(() => start([1, 2, 3], { share, pairs })).toThrow(UsageError)
  })
})
