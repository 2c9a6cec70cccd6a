import { type PartyIndex, ProtocolAbort, type SessionId } from '@tandem/rounds'
import type { Point } from '../math/backend.ts'
import { equalBytes, le16 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { decodePoint, sumPoints } from '../math/points.ts'
import { decodeScalar, fromBytesBE, mod, toBytes32 } from '../math/scalar.ts'
import { hideSecrets, type KeyShare } from '../share.ts'
import { shareHolds } from '../share-codec.ts'
import { deviceOf, modeOf, weightOf } from '../sharing.ts'
import type { ByParty } from '../staging/staging-messages.ts'
import { constantOf, type Dealing, deal, imageOf, partOf, publish } from './reshare-dealing.ts'
import { oldSharing, type ReshareSession } from './reshare-session.ts'

// What dealers send, how it is checked, and what it adds up to. Source: docs/spec/reshare.md, section 2.

/** What one dealer published, 33 bytes each, and what it dealt us alone if we join: f_i(self), 32 bytes. */
export type Dealt = { readonly published: readonly Uint8Array[]; readonly part: Uint8Array | null }

/** Our own dealing, from the first round on. */
export type OwnDealing = {
  readonly dealing: Dealing
  readonly published: readonly Uint8Array[]
  readonly com: Uint8Array
}

/** The key of the new committee: all of it but the shares. */
export type NextKey = Pick<KeyShare, 'ssid' | 'publicShares' | 'conf'>

/** w_i(S)·s_i, shared anew. */
export function dealOwn(session: ReshareSession, share: KeyShare): OwnDealing {
  const { backend, rng, dealers, next, secrets } = session
  const weight = weightOf(share, share.self, dealers)
  const dealing = deal(rng, next, mod(weight * fromBytesBE(share.secret)))
  secrets.ephemeral.push(...dealing)
  const published = publish(backend, dealing)
  const sound = backend.equal(constant(session, published), weighted(session, share.self))
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 1) // check K8
  return { dealing, published, com: commitmentOf(session, share.self, published) }
}

/** com_i. No salt: all points but the constant's hide themselves, and that one is known. */
export function commitmentOf(
  { backend, sid }: ReshareSession,
  i: PartyIndex,
  published: readonly Uint8Array[],
): Uint8Array {
  return TH(backend, 'rs/com', sid, le16(i), ...published)
}

/** What we deal to ourselves, if we stay. */
export function ownPart({ next, self, secrets }: ReshareSession, { dealing }: OwnDealing): Uint8Array | null {
  if (self === null) return null
  const part = partOf(next, dealing, self)
  secrets.ephemeral.push(part)
  return part
}

/** 2.2 @throws {ProtocolAbort} names every dealer that lied, by its place, not only the first */
export function verifyDealt(session: ReshareSession, coms: ByParty<Uint8Array>, dealt: ByParty<Dealt>): void {
  const { backend, dealerAt } = session
  const liars = (holds: (dealt: Dealt, dealer: PartyIndex, place: PartyIndex) => boolean) =>
    [...dealt].flatMap(([place, one]) => (holds(one, dealerAt.get(place)!, place) ? [] : place))

  const canonical = ({ published, part }: Dealt) =>
    published.every((A) => decodePoint(backend, A) !== undefined) && (part === null || decodeScalar(part) !== undefined)
  const malformed = liars(canonical)
  if (malformed.length > 0) throw new ProtocolAbort('BAD_ENCODING', 2, malformed) // check K4
  const opensElse = liars(({ published }, i, place) =>
    equalBytes(coms.get(place)!, commitmentOf(session, i, published)),
  )
  if (opensElse.length > 0) throw new ProtocolAbort('BAD_COMMITMENT', 2, opensElse) // check K5
  const otherConstant = liars(({ published }, i) => backend.equal(constant(session, published), weighted(session, i)))
  if (otherConstant.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, otherConstant) // check L1
  const dealtElse = liars((one) => isImaged(session, one))
  if (dealtElse.length > 0) throw new ProtocolAbort('BAD_SHARE', 2, dealtElse) // check K7 L8
}

/** 2.3 What every participant, also one that leaves, can compute of the new key. @throws {ProtocolAbort} UNATTRIBUTED */
export function nextKeyOf(session: ReshareSession, rsid: SessionId, dealt: ByParty<Dealt>): NextKey {
  const { backend, statement, next, dealers, dealerAt } = session
  const byDealer = new Map([...dealt].map(([place, { published }]) => [dealerAt.get(place)!, published]))
  const inOrder = dealers.map((i) => byDealer.get(i)!)
  const points = inOrder.map((published) => decodeAll(session, published))
  const sum = points[0]!.map((_, k) =>
    sumPoints(
      backend,
      points.map((A) => A[k]!),
    ),
  )
  const images = next.identities.map((_, at) => nextPointOf(session, sum, at + 1))
  if (images.some((P) => backend.isIdentity(P))) throw new ProtocolAbort('UNATTRIBUTED', 2) // check L2
  const publicShares = images.map((P) => backend.encode(P))
  const { publicKey, chainCode } = statement
  const conf = TH(backend, 'rs/conf', rsid, ...inOrder.flat(), publicKey, ...publicShares, chainCode)
  return { ssid: rsid, publicShares, conf }
}

/** X′_j, from the sum of all dealings. */
function nextPointOf({ backend, statement, next }: ReshareSession, sum: readonly Point[], j: number): Point {
  const image = imageOf(backend, next, sum, j)
  if (j !== deviceOf(next)) return image
  return backend.add(backend.decode(statement.publicShares.at(-1)!), backend.negate(image))
}

/** 2.3 s′_j = Σ f_i(j), or s_D − Σδ_i. @throws {ProtocolAbort} `UNATTRIBUTED` if it is no share of the same key */
export function nextShareOf(session: ReshareSession, self: PartyIndex, key: NextKey, dealt: ByParty<Dealt>): KeyShare {
  const { backend, statement, share, next, secrets } = session
  const { keyId, publicKey, chainCode } = statement
  const { threshold, parties, identities } = next
  const sum = [...dealt.values()].reduce((total, { part }) => total + fromBytesBE(part!), 0n)
  const secret = toBytes32(mod(share && self === deviceOf(next) ? fromBytesBE(share.secret) - sum : sum))
  secrets.lasting.push(secret)
  const mode = modeOf(next)
  const sound = shareHolds(backend, { self, threshold, secret, publicKey, publicShares: key.publicShares, ...mode })
  if (!sound) throw new ProtocolAbort('UNATTRIBUTED', 2) // check L2
  return hideSecrets({
    ...{ keyId, epoch: 0, self, threshold, parties, secret, publicKey, chainCode, identities },
    ...mode,
    ...key,
  })
}

function isImaged({ backend, next, self }: ReshareSession, { published, part }: Dealt): boolean {
  if (part === null || self === null) return true
  const points = published.map((A) => backend.decode(A))
  return backend.equal(backend.mulBase(fromBytesBE(part)), imageOf(backend, next, points, self))
}

function constant(session: ReshareSession, published: readonly Uint8Array[]): Point {
  return constantOf(session.backend, session.next, decodeAll(session, published))
}

/** w_i(S)·X_i */
function weighted(session: ReshareSession, i: PartyIndex): Point {
  const { backend, statement, dealers } = session
  return backend.mulPublic(backend.decode(statement.publicShares[i - 1]!), weightOf(oldSharing(statement), i, dealers))
}

function decodeAll({ backend }: ReshareSession, published: readonly Uint8Array[]): Point[] {
  return published.map((A) => backend.decode(A))
}
