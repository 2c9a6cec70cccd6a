import { type Backend, type KeygenResult, type KeyShare, refresh, type RefreshSetup, type Stage } from '@tandem/ecdsa'
import type { PartyIndex, Protocol, Rng } from '@tandem/rounds'
import { openPair } from '../../shared/ecdsa/src/pair.ts'
import { fast } from './backends.ts'
import { type Sign, signAs } from './keygen.ts'
import { seeded } from './rng.ts'
import type { KeyOfAll } from './signing.ts'
import { outputs, type Simulation, type SimulationOptions, simulate } from './simulate.ts'

export type RefreshOptions = {
  /** of all randomness, and of the stage id */
  readonly seed?: string
  readonly backend?: Backend
  /** replaces what one party brings */
  readonly rngOf?: (self: PartyIndex, honest: Rng) => Rng
  readonly signerOf?: (self: PartyIndex, honest: Sign) => Sign
  readonly backendOf?: (self: PartyIndex) => Backend
  readonly setupOf?: (self: PartyIndex, honest: RefreshSetup) => RefreshSetup
}

/** Every party's side of one refresh, honest but for the options. */
export function refreshParties(
  shares: readonly KeyShare[],
  options: RefreshOptions = {},
): Map<PartyIndex, Protocol<KeygenResult>> {
  const { seed = 'refresh', backend = fast, rngOf, signerOf, backendOf, setupOf } = options
  const stageId = seeded(seed).fork('stage id')(32)
  return new Map(
    shares.map((share) => {
      const { self } = share
      const rng = seeded(seed).fork(self)
      const deps = {
        backend: backendOf?.(self) ?? backend,
        rng: rngOf?.(self, rng) ?? rng,
        sign: signerOf?.(self, signAs(self)) ?? signAs(self),
      }
      return [self, refresh(setupOf?.(self, { share, stageId }) ?? { share, stageId }, deps)]
    }),
  )
}

export function simulateRefresh(
  stages: readonly Pick<Stage, 'share'>[],
  options: RefreshOptions & SimulationOptions = {},
): Promise<Simulation<KeygenResult>> {
  const shares = stages.map(({ share }) => share)
  return simulate(refreshParties(shares, options), options)
}

export async function refreshed(
  stages: readonly Pick<Stage, 'share'>[],
  options: RefreshOptions = {},
): Promise<KeygenResult[]> {
  return outputs(await simulateRefresh(stages, options))
}

/** Stages of all parties as the signing helpers take a key. */
export function signingKeyOf(stages: readonly Stage[]): KeyOfAll {
  const keyOf = ({ share, pairs }: Stage) => ({
    share,
    pairs: new Map(pairs.map((pair) => [pair.peer, openPair(fast, pair)])),
  })
  return {
    signers: stages.map(({ share }) => share.self),
    keys: new Map(stages.map((stage) => [stage.share.self, keyOf(stage)])),
  }
}
