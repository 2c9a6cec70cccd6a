import { type PartyIndex, partyIndex, PROTOCOLS, type RoundHeader, UsageError } from '@tandem/rounds'
import { contributionBytes } from './keygen/keygen-session.ts'
import type { Backend } from './math/backend.ts'
import { concat, equalBytes, le16, le32 } from './math/bytes.ts'
import { type Sha2, TH } from './math/hash.ts'
import { POINT_BYTES } from './math/points.ts'
import { publishedBytes } from './refresh/refresh-session.ts'
import { publishedCount } from './reshare/reshare-dealing.ts'
import { PAIR_BYTES } from './reshare/reshare-messages.ts'
import { deviceOf, type Sharing } from './sharing.ts'

// Rounds find that somebody said different things to different parties; they cannot know who. Signed broadcasts can.
// Source: docs/spec/keygen.md, section C.

/** What one party told everybody in one round, as one of them got it. */
export type SignedBroadcast = {
  readonly header: RoundHeader
  readonly from: PartyIndex
  /** the part of the body that is the same for all */
  readonly part: Uint8Array
  /** Ed25519 over {@link broadcastStatement}, 64 bytes */
  readonly signature: Uint8Array
}

/** What is signed with every body. 32 bytes. */
export function broadcastStatement(sha: Sha2, { header, from, part }: Omit<SignedBroadcast, 'signature'>): Uint8Array {
  const { protocol, round, sid, epoch } = header
  return TH(sha, 'echo', Uint8Array.of(PROTOCOLS[protocol]), Uint8Array.of(round), sid, le32(epoch), le16(from), part)
}

/**
 * The bytes of a body that every recipient must have been sent alike.
 *
 * @param body    of the length its round has: an honest run has checked that
 * @param sharing of the shares the run makes, or signs with
 * @param from    who sent it; needed where there is a device, whose broadcasts have other lengths than a node's
 * @throws {UsageError} for a protocol without rounds among many
 */
export function broadcastPart(
  { protocol, round }: RoundHeader,
  body: Uint8Array,
  sharing: Sharing,
  from?: PartyIndex,
): Uint8Array {
  if (from === undefined && deviceOf(sharing) !== null) throw new UsageError('a device speaks otherwise than a node')
  const speaker = from ?? partyIndex(1)
  if (protocol === 'sign' || protocol === 'presign') return signingPart(round, body)
  if (round === 4) return body
  if (round === 3) return body.subarray(0, 32)
  if (protocol === 'keygen') return body.subarray(0, round === 1 ? 64 : contributionBytes(sharing, speaker))
  if (protocol === 'refresh') return body.subarray(0, round === 1 ? 64 : publishedBytes(sharing, speaker))
  if (protocol === 'reshare') return body.subarray(0, resharePart(round, body.length, sharing))
  throw new UsageError(`${protocol} has no broadcasts`)
}

/** Everybody who signed two different broadcasts of one round of one run, ascending. Nobody who signed one. */
export function equivocators(
  backend: Backend,
  identities: readonly Uint8Array[],
  seen: readonly SignedBroadcast[],
  elsewhere: readonly SignedBroadcast[],
): PartyIndex[] {
  const valid = (one: SignedBroadcast) => {
    const identity = identities[one.from - 1]
    return identity && backend.ed25519Verify(one.signature, broadcastStatement(backend, one), identity)
  }
  const differing = seen.filter((one) =>
    elsewhere.some((other) => contradict(one, other) && valid(one) && valid(other)),
  )
  return [...new Set(differing.map(({ from }) => from))].toSorted((i, j) => i - j)
}

function contradict(a: SignedBroadcast, b: SignedBroadcast): boolean {
  const {
    header: one,
    header: { sid },
  } = a
  const other = b.header
  const same = one.protocol === other.protocol && one.round === other.round && one.epoch === other.epoch
  return same && a.from === b.from && equalBytes(sid, other.sid) && !equalBytes(a.part, b.part)
}

/** com; E1 with pk, R and salt; everything of a later round. */
function signingPart(round: number, body: Uint8Array): Uint8Array {
  if (round === 1) return body.subarray(8, 40)
  if (round === 2) return concat(body.subarray(8, 40), body.subarray(-98))
  return body
}

/** nonce, and com of a dealer; what a dealer publishes. The rest of a body is for one party alone. */
function resharePart(round: number, bytes: number, sharing: Sharing): number {
  if (round === 1) return bytes === 32 || bytes === 32 + POINT_BYTES ? 32 : 64
  return bytes === PAIR_BYTES ? 0 : publishedCount(sharing) * POINT_BYTES
}
