import { exchange, Once, type Protocol, ProtocolAbort, toEach } from '@tandem/rounds'
import { equalBytes } from '../math/bytes.ts'
import { toBytes32 } from '../math/scalar.ts'
import type { Presignature } from './presignature.ts'
import type { Nonce } from './signing-finish.ts'
import { agreeOnNonce } from './signing-rounds.ts'
import {
  type SigningDeps,
  type SigningKey,
  type SigningRun,
  type SigningSession,
  startSigning,
} from './signing-session.ts'

const NO_MESSAGE = new Uint8Array(32)

/**
 * Everything of a signature that needs no message, in three rounds. What it returns is usable at once: all parties have
 * confirmed that they saw the same openings.
 *
 * @throws {UsageError} for a session that does not fit the key
 * @throws {ProtocolAbort} naming the round and, where it can be known, who broke it
 *
 * Source: docs/spec/sign.md, section 1.
 */
export function* presign(session: SigningSession, key: SigningKey, deps: SigningDeps): Protocol<Presignature> {
  const run = startSigning('presign', session, key, deps, NO_MESSAGE)
  const others = run.peers.map(({ peer }) => peer)

  const nonce = yield* agreeOnNonce(run)

  const echoes = yield* exchange(run.header(3), run.self, toEach(others, nonce.echo), toEach(others, 32))
  const agreed = others.every((j) => equalBytes(echoes.get(j)!, nonce.echo))
  if (!agreed) throw new ProtocolAbort('ECHO_MISMATCH', 3) // check S24
  return presignatureOf(run, nonce)
}

/** The record of a finished nonce: everything the online step reads, and nothing else of the run. */
export function presignatureOf({ sid, key, signers }: SigningRun, { R, u, v, phi }: Nonce): Presignature {
  const { epoch, publicKey } = key.share
  const nonce = new Once({ u: toBytes32(u), v: toBytes32(v), phi: toBytes32(phi) })
  return { id: sid, epoch, signers, publicKey, R, nonce }
}
