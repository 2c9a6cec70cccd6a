import { type PartyIndex, type Protocol, type Rng, sessionId } from '@tandem/rounds'
import type { Backend } from '../../shared/ecdsa/src/math/backend.ts'
import type { CurrentKey, OnlineMessage } from '../../shared/ecdsa/src/signing/online.ts'
import { presign } from '../../shared/ecdsa/src/signing/presign.ts'
import type { Presignature } from '../../shared/ecdsa/src/signing/presignature.ts'
import { type InteractiveSession, sign } from '../../shared/ecdsa/src/signing/sign.ts'
import type { Signature } from '../../shared/ecdsa/src/signing/signature.ts'
import type { SigningDeps, SigningKey, SigningSession } from '../../shared/ecdsa/src/signing/signing-session.ts'
import { fast } from './backends.ts'
import type { DealtKey } from './dealt-key.ts'
import { type SeededRng, seeded } from './rng.ts'
import { type Simulation, type SimulationOptions, simulate } from './simulate.ts'

export type SigningOptions = SimulationOptions & {
  readonly backend?: Backend
  /** seeds every party's randomness */
  readonly seed?: string | number
  /** replaces one party's session, key or randomness before it starts */
  readonly cheat?: (party: PartyIndex, honest: Setting) => Setting
}

/** A key, dealt or generated, as all parties hold it. */
export type KeyOfAll = Pick<DealtKey, 'signers' | 'keys'>

/** Everything one party brings to a run. */
export type Setting = { readonly session: InteractiveSession; readonly key: SigningKey; readonly rng: Rng }

/** A message at the root of the key, with randomness of both sides. */
export function messageOf(digest: Uint8Array, path: readonly number[] = []): OnlineMessage {
  return { digest, path, rhoS: new Uint8Array(32).fill(0x5a), rhoD: new Uint8Array(32).fill(0xd1) }
}

/** The key as a service's records hold it. */
export function currentKey({ keys, signers }: KeyOfAll): CurrentKey {
  const { publicKey, chainCode, epoch } = keys.get(signers[0]!)!.share
  return { publicKey, chainCode, epoch, signers }
}

export function presignAll(dealt: KeyOfAll, options: SigningOptions = {}): Promise<Simulation<Presignature>> {
  return simulateAll(dealt, options, presign, { message: messageOf(new Uint8Array(32)), assembler: 'all' })
}

export function signAll(
  dealt: KeyOfAll,
  how: Pick<InteractiveSession, 'message' | 'assembler'>,
  options: SigningOptions = {},
): Promise<Simulation<Signature>> {
  return simulateAll(dealt, options, sign, how)
}

function simulateAll<Out>(
  dealt: KeyOfAll,
  { backend = fast, seed = 'signing', cheat = (_party, honest) => honest, ...simulation }: SigningOptions,
  protocol: (session: InteractiveSession, key: SigningKey, deps: SigningDeps) => Protocol<Out>,
  how: Pick<InteractiveSession, 'message' | 'assembler'>,
): Promise<Simulation<Out>> {
  const rng: SeededRng = seeded(seed)
  const shared: SigningSession = { sigid: sessionId(rng.fork('sigid')(32)), signers: dealt.signers }
  const parties = dealt.signers.map((party): [PartyIndex, Protocol<Out>] => {
    const honest = {
      session: { ...shared, ...how, range: 'any' as const },
      key: dealt.keys.get(party)!,
      rng: rng.fork(party),
    }
    const { session, key, rng: own } = cheat(party, honest)
    return [party, protocol(session, key, { backend, rng: own })]
  })
  return simulate(new Map(parties), simulation)
}
