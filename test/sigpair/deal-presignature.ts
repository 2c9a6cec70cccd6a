import { encodePresignature, noble, type Presignature } from '@tandem/ecdsa'
import { Once, type SessionId } from '@tandem/rounds'
import { DEVICE, type Finished, SIGPAIR } from '@tandem/sigpair'
import { mod, q, randomScalar, toBytes32 } from '../../shared/ecdsa/src/math/scalar.ts'
import type { SeededRng } from '../helpers/rng.ts'
import type { TestKey } from './world.ts'

/** A presignature as both parties hold it, from a dealer: what the protocol would have left them. */
export type DealtPresignature = {
  readonly id: Uint8Array
  readonly device: Presignature
  /** Sigpair's, encoded anew at every call: storing it erases it */
  readonly sigpair: () => Finished
}

export function dealPresignature({ secret, shares }: TestKey, rng: SeededRng): DealtPresignature {
  const id = rng(32) as SessionId
  const [k, ...phi] = Array.from({ length: 3 }, () => randomScalar(rng)) as [bigint, bigint, bigint]
  const sum = mod(phi[0] + phi[1])
  const split = (factor: bigint) => {
    const first = randomScalar(rng)
    return [first, mod(((factor * sum) % q) - first)] as const
  }
  const [u, v] = [split(k), split(secret)]

  const { epoch, publicKey } = shares[0]!
  const common = { id, epoch, signers: [DEVICE, SIGPAIR], publicKey, R: noble.encode(noble.mulBase(k)) }
  const partOf = (party: 0 | 1): Presignature => ({
    ...common,
    nonce: new Once({ u: toBytes32(u[party]), v: toBytes32(v[party]), phi: toBytes32(phi[party]) }),
  })
  return { id, device: partOf(0), sigpair: () => ({ id, payload: encodePresignature(partOf(1)) }) }
}
