import { invert } from '@noble/curves/abstract/modular.js'
import { ProtocolAbort } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { concat, equalBytes } from '../math/bytes.ts'
import { fromBytesBE, q, toBytes32 } from '../math/scalar.ts'
import { SHARE_ROUND, type SignatureShare, type SigningTarget } from './online.ts'
import { lowS, type Signature } from './signature.ts'

/** Which recovery ids the chain can carry: `evm` has no place for R.x ≥ q. */
export type RecoveryRange = 'evm' | 'any'

/**
 * Adds up the shares of all signers. What it returns is verified; what does not verify is never returned.
 *
 * @throws {ProtocolAbort} MISMATCH for a share of another presignature; UNATTRIBUTED if the sum is no signature: the
 *         presignature is spent, and nobody can say who lied
 *
 * Source: docs/spec/sign.md, section 4.
 */
export function combine(
  backend: Backend,
  target: SigningTarget,
  shares: readonly SignatureShare[],
  range: RecoveryRange,
): Signature {
  if (!shares.every(({ id }) => equalBytes(id, target.id))) throw new ProtocolAbort('MISMATCH', SHARE_ROUND) // check S23
  const u = shares.reduce((sum, share) => sum + fromBytesBE(share.u), 0n) % q
  const w = shares.reduce((sum, share) => sum + fromBytesBE(share.w), 0n) % q
  if (u === 0n || w === 0n) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S17

  // u = kφ was sent by everybody to everybody: a variable-time inverse gives nothing away.
  const { s, recovery } = lowS((w * invert(u, q)) % q, target.recovery)
  const signature = { compact: concat(toBytes32(target.r), toBytes32(s)), recovery }
  checkSignature(backend, target, signature, range) // check S28
  return signature
}

/**
 * By a verifier that shares no code with the protocol.
 *
 * @throws {ProtocolAbort} UNATTRIBUTED unless the signature is valid with low s under X′, its recovery id leads to X′,
 *         and the chain can carry it
 */
export function checkSignature(
  backend: Backend,
  { digest, publicKey }: Pick<SigningTarget, 'digest' | 'publicKey'>,
  { compact, recovery }: Signature,
  range: RecoveryRange,
): void {
  if (range === 'evm' && recovery > 1) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S27
  if (!backend.verify(compact, digest, publicKey)) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S18
  const recovered = backend.recover(compact, recovery, digest) ?? new Uint8Array()
  if (!equalBytes(recovered, publicKey)) throw new ProtocolAbort('UNATTRIBUTED', SHARE_ROUND) // check S18
}
