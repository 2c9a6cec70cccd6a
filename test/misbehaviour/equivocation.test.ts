import {
  broadcastPart,
  broadcastStatement,
  equivocators,
  fromBytesBE,
  type Sharing,
  type SignedBroadcast,
} from '@tandem/ecdsa'
import { type Message, type PartyIndex, partyIndex, type ProtocolAbort } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { proveDlog } from '../../shared/ecdsa/src/proof/dlog.ts'
import { fast, remembering } from '../helpers/backends.ts'
import { dealtThresholdKey } from '../helpers/dealt-key.ts'
import { identityOf, keygenParties, signAs } from '../helpers/keygen.ts'
import { simulateRefresh } from '../helpers/refresh.ts'
import { type Move, simulateReshare } from '../helpers/reshare.ts'
import { seeded } from '../helpers/rng.ts'
import { messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { FINAL, flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { outputs, sentBy, type Simulation, simulate, type Tamper } from '../helpers/simulate.ts'
import { signedText } from '../helpers/verifiers.ts'

// The last party says something else to party 1 than to the others. All honest parties stop, none is accused, and what
// the two sides were sent names the one who signed both.

const backend = remembering(fast)
const text = messageOf(signedText('equivocation').digest)
const sizes = [3, 4, 5]
const quorumOf = (n: number): Sharing => ({ threshold: n - 1, parties: n })

/** Every message as its recipient got it. */
type Delivered = (tamper: Tamper) => { readonly tamper: Tamper; readonly got: Message[] }

const watching: Delivered = (tamper) => {
  const got: Message[] = []
  const seeing: Tamper = (sent) => {
    const result = tamper(sent)
    const message = result instanceof Uint8Array ? { ...sent, body: result } : result
    if (message) got.push(message)
    return message
  }
  return { tamper: seeing, got }
}

/** Only what the last party says to party 1 in this round is another. */
const toFirst =
  (liar: number, round: number, change: (sent: Message) => Uint8Array): Tamper =>
  (m) =>
    m.from === liar && m.to === 1 && m.round === round ? change(m) : m

/** What one party was sent, each broadcast with the signature of who sent it: the liar signs whatever it says. */
function heardBy(party: number, got: readonly Message[], sharing: Sharing): SignedBroadcast[] {
  return got
    .filter(({ to }) => to === party)
    .map(({ from, body, protocol, round, sid, epoch }) => {
      const header = { protocol, round, sid, epoch }
      const unsigned = { header, from, part: broadcastPart(header, body, sharing) }
      return { ...unsigned, signature: signAs(from)(broadcastStatement(fast, unsigned)) }
    })
}

/** All pairs of honest parties lay what they heard side by side: whom do they name? */
function namedBy(honest: readonly number[], got: readonly Message[], sharing: Sharing): PartyIndex[] {
  const identities = Array.from({ length: 8 }, (_, i) => identityOf(i + 1))
  const heard = honest.map((party) => heardBy(party, got, sharing))
  return heard.flatMap((mine, i) =>
    heard.slice(i + 1).flatMap((theirs) => equivocators(fast, identities, mine, theirs)),
  )
}

function abortsOf<Out>({ outcomes }: Simulation<Out>, parties: readonly number[]): ProtocolAbort[] {
  return parties.map((party) => {
    const outcome = outcomes.get(partyIndex(party))
    if (outcome?.status !== 'aborted') throw new Error(`party ${party} did not abort`, { cause: outcome })
    return outcome.abort
  })
}

/** Nobody is accused by the run, and nobody but the liar afterwards. */
function expectCaught<Out>(sim: Simulation<Out>, got: readonly Message[], sharing: Sharing, first: object): void {
  const liar = sharing.parties
  const honest = Array.from({ length: liar - 1 }, (_, i) => i + 1)
  const aborts = abortsOf(sim, honest)
  expect(aborts[0]).toMatchObject(first)
  for (const { code, culprits, verdict } of aborts) {
    // whoever stopped first is silent for the others, which is no accusation
    if (code !== 'SILENT_PEER') expect(culprits).toEqual([])
    expect(verdict).toBe('retry')
  }
  expect(new Set(namedBy(honest, got, sharing))).toEqual(new Set([liar]))
}

const bit =
  (at: number) =>
  ({ body }: Message) =>
    body.with(at, body[at]! ^ 1)

describe.each(sizes)('%i parties', (n) => {
  const sharing = quorumOf(n)

  test('K1 K14 generate a key: two commitments split the session before a share is looked at', async () => {
    const { tamper, got } = watching(toFirst(n, 1, bit(40)))
    const sim = await simulate(keygenParties({ ...sharing, backend }), { tamper })
    expectCaught(sim, got, sharing, { code: 'MISMATCH', round: 2, culprits: [] })
    expect(sim.events.filter((event) => 'recorded' in event)).toEqual([])
  })

  test('S6 presign: two commitments are found before anything depends on them', async () => {
    const key = dealtThresholdKey(fast, n, n + 1, seeded(`equivocation ${n}`))
    const { tamper, got } = watching(toFirst(n, 1, ({ body }) => flip(body, OFFER.commitment, 0)))
    const signers = key.signers.slice(0, n)
    const sim = await presignAll({ ...key, signers }, { backend: fast, tamper })
    expectCaught(sim, got, { threshold: n, parties: n }, { code: 'ECHO_MISMATCH', round: 2, culprits: [] })
  })

  test('S24 S15 presign and sign: two confirmations of the openings make nothing usable', async () => {
    const key = dealtThresholdKey(fast, n, n + 1, seeded(`equivocation ${n}`))
    const signers = key.signers.slice(0, n)
    const lie = toFirst(n, 3, ({ body }) => flip(body, FINAL.echo, 0))
    const [before, after] = [watching(lie), watching(lie)]
    const presigned = await presignAll({ ...key, signers }, { backend: fast, tamper: before.tamper })
    const signed = await signAll(
      { ...key, signers },
      { message: text, assembler: 'all' },
      { backend: fast, tamper: after.tamper },
    )
    for (const [sim, { got }] of [
      [presigned, before],
      [signed, after],
    ] as const) {
      expect(abortsOf<unknown>(sim, [1])[0]).toMatchObject({ code: 'ECHO_MISMATCH', round: 3, culprits: [] })
      const honest = Array.from({ length: n - 1 }, (_, i) => i + 1)
      expect(new Set(namedBy(honest, got, { threshold: n, parties: n }))).toEqual(new Set([n]))
    }
  })
})

describe('three parties', () => {
  const sharing = { threshold: 2, parties: 3 }
  const generated = async () => outputs(await simulate(keygenParties({ ...sharing, backend })))

  test('K9 two proofs of one opening are found by comparing confirmations', async () => {
    const honest = await simulate(keygenParties({ ...sharing, backend }))
    const { ssid } = outputs(honest)[0]!.share
    const body = sentBy(honest).find((m) => m.from === 3 && m.round === 2)!.body
    const statement = { ssid, prover: 3, A: body.slice(32, 65), higher: [body.slice(65, 98)] }
    const again = proveDlog(fast, statement, randomScalar(seeded('keygen').fork(3)), seeded('another nonce'))
    const lie = toFirst(3, 2, (m) => concat(m.body.slice(0, 130), again, m.body.slice(195)))
    const { tamper, got } = watching(lie)
    const sim = await simulate(keygenParties({ ...sharing, backend }), { tamper })
    expectCaught(sim, got, sharing, { code: 'ECHO_MISMATCH', round: 3, culprits: [] })
  })

  test('K1 K14 refresh: two commitments split the session, and the old shares are what they were', async () => {
    const { tamper, got } = watching(toFirst(3, 1, bit(0)))
    const sim = await simulateRefresh(await generated(), { backend, tamper })
    expectCaught(sim, got, sharing, { code: 'MISMATCH', round: 2, culprits: [] })
  })

  test('K1 K14 reshare: two commitments of a dealer split the session', async () => {
    const move: Move = { dealers: [1, 3], members: [1, 2, 3], threshold: 2 }
    const { tamper, got } = watching(toFirst(3, 1, bit(40)))
    const sim = await simulateReshare(await generated(), move, { backend, tamper })
    expectCaught(sim, got, sharing, { code: 'MISMATCH', round: 2, culprits: [] })
  })

  test('S12 a pk of the liar’s choice for one signer alone is named at once: Γ does not hold', async () => {
    const key = dealtThresholdKey(fast, 3, 4, seeded('pk'))
    const other = fast.encode(fast.mulBase(fromBytesBE(seeded('other')(32)) >> 8n))
    const { tamper, got } = watching(toFirst(3, 2, ({ body }) => concat(body.slice(0, -98), other, body.slice(-65))))
    const signers = key.signers.slice(0, 3)
    const sim = await presignAll({ ...key, signers }, { backend: fast, tamper })
    expect(abortsOf(sim, [1])[0]).toMatchObject({ code: 'BAD_GAMMA', round: 2, culprits: [3], verdict: 'strike' })
    expect(namedBy([1, 2], got, { threshold: 3, parties: 3 })).toEqual([3])
    expect(REPLY.pk.bytes).toBe(33)
  })
})

describe('evidence', () => {
  const header = {
    protocol: 'keygen',
    round: 1,
    sid: seeded('sid')(32),
    epoch: 0,
  } as unknown as SignedBroadcast['header']
  const identities = [1, 2, 3].map(identityOf)
  const said = (from: number, part: string, change = {}, signer = from): SignedBroadcast => {
    const unsigned = { header: { ...header, ...change }, from: partyIndex(from), part: new TextEncoder().encode(part) }
    return { ...unsigned, signature: signAs(signer)(broadcastStatement(fast, unsigned)) }
  }
  const named = (a: readonly SignedBroadcast[], b: readonly SignedBroadcast[]) => equivocators(fast, identities, a, b)

  test('names all who signed two things, in order', () => {
    const mine = [said(3, 'a'), said(2, 'a'), said(1, 'a')]
    expect(named(mine, [said(1, 'a'), said(2, 'b'), said(3, 'b')])).toEqual([2, 3])
    expect(named(mine, mine)).toEqual([])
  })

  test('nobody is named by what another signed, by two rounds, two runs or two epochs', () => {
    expect(named([said(2, 'a')], [said(2, 'b', {}, 3)])).toEqual([])
    expect(named([said(2, 'a', {}, 3)], [said(2, 'b')])).toEqual([])
    for (const change of [{ round: 2 }, { protocol: 'refresh' }, { epoch: 1 }, { sid: seeded('other')(32) }]) {
      expect(named([said(2, 'a')], [said(2, 'b', change)])).toEqual([])
    }
    expect(named([said(4, 'a')], [said(4, 'b')])).toEqual([])
  })

  test('a signature is over everything that is compared', () => {
    const honest = said(2, 'b')
    for (const change of [{ round: 2 }, { epoch: 1 }]) {
      const moved = { ...honest, header: { ...header, ...change } }
      expect(named([said(2, 'a', change)], [moved])).toEqual([])
    }
  })
})
