import {
  attestationMessage,
  type AttestedKey,
  type Backend,
  type KeygenResult,
  type KeyShare,
  placesOf,
  reshare,
  type ReshareResult,
  type ReshareSetup,
  type Stage,
  statementOf,
} from '@tandem/ecdsa'
import { type PartyIndex, partyIndex, type Protocol, type Rng } from '@tandem/rounds'
import { fast } from './backends.ts'
import { identityOf, type Sign, signAs } from './keygen.ts'
import { seeded } from './rng.ts'
import { outputs, type Simulation, type SimulationOptions, simulate } from './simulate.ts'

/** People are numbered for ever: person k has identity k, whatever committee they are in. */
export type Move = {
  /** old indices, exactly t of those who are no device */
  readonly dealers: readonly number[]
  /** people of the new committee, in index order; the device last, if the key has one */
  readonly members: readonly number[]
  readonly threshold: number
}

export type ReshareOptions = {
  /** of all randomness, and of the stage id */
  readonly seed?: string
  readonly backend?: Backend
  /** replaces what one place brings */
  readonly rngOf?: (place: PartyIndex, honest: Rng) => Rng
  readonly signerOf?: (place: PartyIndex, honest: Sign) => Sign
  readonly backendOf?: (place: PartyIndex) => Backend
  readonly setupOf?: (place: PartyIndex, honest: ReshareSetup) => ReshareSetup
}

/** A key's public part, signed by these old parties. */
export function attested(share: KeyShare, by: readonly number[]): AttestedKey {
  const statement = statementOf(share)
  const attestations = by.map((i) => {
    const signer = signAs(personAt(share.identities[i - 1]!))
    return [partyIndex(i), signer(attestationMessage(fast, statement, partyIndex(i)))] as const
  })
  return { statement, attestations: new Map(attestations) }
}

/** Everybody's setup, by place. */
export function reshareSetups(
  stages: readonly Pick<Stage, 'share'>[],
  { dealers, members, threshold }: Move,
  seed = 'reshare',
): ReadonlyMap<PartyIndex, ReshareSetup> {
  const shareOf = new Map(stages.map(({ share }) => [share.self as number, share]))
  const { share } = stages[0]!
  const device = share.withDevice ? share.parties : undefined
  const holders = device === undefined ? dealers : [...dealers, device]
  const common = {
    stageId: seeded(seed).fork('stage id')(32),
    attested: attested(share, holders),
    pin: share,
    dealers: dealers.map(partyIndex),
    next: { threshold, identities: members.map(identityOf), ...(share.withDevice && { withDevice: true }) },
  }
  const places = placesOf({ ...common, share: null, self: null })
  const setups = places.map((identity, at): [PartyIndex, ReshareSetup] => {
    const holder = holders.find((i) => same(common.pin.identities[i - 1]!, identity))
    const own = holder === undefined ? null : shareOf.get(holder)!
    const self = at < members.length ? partyIndex(at + 1) : null
    return [partyIndex(at + 1), { ...common, share: own, self }]
  })
  return new Map(setups)
}

/** Every participant's side of one reshare, honest but for the options. */
export function reshareParties(
  stages: readonly Pick<Stage, 'share'>[],
  move: Move,
  { seed = 'reshare', backend = fast, rngOf, signerOf, backendOf, setupOf }: ReshareOptions = {},
): Map<PartyIndex, Protocol<ReshareResult>> {
  const setups = reshareSetups(stages, move, seed)
  const places = placesOf([...setups.values()][0]!)
  return new Map(
    [...setups].map(([place, setup]) => {
      const rng = seeded(seed).fork(place)
      const sign = signAs(personAt(places[place - 1]!))
      const deps = {
        backend: backendOf?.(place) ?? backend,
        rng: rngOf?.(place, rng) ?? rng,
        sign: signerOf?.(place, sign) ?? sign,
      }
      return [place, reshare(setupOf?.(place, setup) ?? setup, deps)]
    }),
  )
}

export function simulateReshare(
  stages: readonly Pick<Stage, 'share'>[],
  move: Move,
  options: ReshareOptions & SimulationOptions = {},
): Promise<Simulation<ReshareResult>> {
  return simulate(reshareParties(stages, move, options), options)
}

/** The new committee's results, in index order. */
export async function reshared(
  stages: readonly Pick<Stage, 'share'>[],
  move: Move,
  options: ReshareOptions = {},
): Promise<KeygenResult[]> {
  return joined(await simulateReshare(stages, move, options))
}

export function joined(simulation: Simulation<ReshareResult>): KeygenResult[] {
  return outputs(simulation).flatMap((output) => (output.role === 'joins' ? output.result : []))
}

function personAt(identity: Uint8Array): number {
  for (let person = 1; person <= 32; person++) if (same(identityOf(person), identity)) return person
  throw new Error('nobody has this identity')
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b)
}
