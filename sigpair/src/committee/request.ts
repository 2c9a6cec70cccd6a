import { type CallerMethod, type CallerRequest, callerRequestBytes, fromHex, WireError } from '@tandem/wire'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { sameBytes, sha256 } from '../crypto/hash.ts'

/** Who may ask this node, as its own configuration says. */
export type PinnedCaller = {
  /** Ed25519, 0x-hex, lower case */
  readonly publicKey: string
  /** what operators call it */
  readonly label: string
  /** what it may ask for; undefined: everything */
  readonly methods?: readonly CallerMethod[] | undefined
}

/** A request is good for ten minutes at most: what is stolen later is worth nothing. */
export const MAX_AHEAD_SECONDS = 600

/** What is known of a request that was verified. */
export type VerifiedRequest = {
  readonly caller: PinnedCaller
  /** 0x-hex, lower case; unique for each caller */
  readonly requestId: string
  /** SHA-256 of all that the caller signed, 32 bytes */
  readonly digest: Uint8Array
}

/**
 * Whether the caller itself asks this, now, and may. Every node decides it from its own configuration, whoever brought the
 * request.
 *
 * @param now ms since 1970
 * @throws {WireError} `FORBIDDEN`, details naming the field
 *
 * Source: docs/spec/committee.md, 3.2.
 */
export function verifyCallerRequest(
  request: CallerRequest,
  callers: readonly PinnedCaller[],
  now: number,
): VerifiedRequest {
  const name = request.caller.toLowerCase()
  const caller = callers.find(({ publicKey }) => publicKey === name)
  if (caller === undefined) throw refused('caller')
  if (caller.methods?.includes(request.method) === false) throw refused('method')
  const seconds = now / 1000
  if (request.expiry <= seconds || request.expiry > seconds + MAX_AHEAD_SECONDS) throw refused('expiry')
  const bytes = callerRequestBytes(request)
  if (!verifyEd25519(fromHex(name), bytes, fromHex(request.signature))) throw refused('signature')
  return { caller, requestId: request.requestId.toLowerCase(), digest: sha256(bytes) }
}

/**
 * The same id is the same command, for as long as it is remembered.
 *
 * @param known digest of the first request with this caller and id
 * @throws {WireError} `IDEMPOTENCY_MISMATCH`
 */
export function requireSameRequest({ digest }: Pick<VerifiedRequest, 'digest'>, known: Uint8Array): void {
  if (!sameBytes(digest, known)) throw new WireError('IDEMPOTENCY_MISMATCH', 'requestId: used for another request')
}

function refused(field: string): WireError {
  return new WireError('FORBIDDEN', field)
}
