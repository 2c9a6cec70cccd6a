import {
  exchange,
  type Inbox,
  journal,
  type PartyIndex,
  type Protocol,
  ProtocolAbort,
  toEach,
  UsageError,
} from '@tandem/rounds'
import { checkSignature, combine, type RecoveryRange } from './assemble.ts'
import { encodePath } from '../derive.ts'
import { concat, equalBytes, split } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { checkShare, onlineShare, type OnlineMessage, type SignatureShare, type SigningTarget } from './online.ts'
import { presignatureOf } from './presign.ts'
import { decodeSignature, encodeSignature, type Signature, SIGNATURE_BYTES } from './signature.ts'
import { agreeOnNonce } from './signing-rounds.ts'
import {
  type SigningDeps,
  type SigningKey,
  type SigningRun,
  type SigningSession,
  startSigning,
} from './signing-session.ts'

/** A session whose message every signer knows before it starts. */
export type InteractiveSession = SigningSession & {
  readonly message: OnlineMessage
  /** who adds up the shares: everybody, or one party that then sends the signature to the others */
  readonly assembler: PartyIndex | 'all'
  readonly range: RecoveryRange
}

/** E2 ‖ u′ ‖ w */
const FINAL_BYTES = 32 + 32 + 32

/** A party with its own share made: what it says in round 3, and what all shares must come to. */
type Ready = {
  readonly run: SigningRun
  readonly others: readonly PartyIndex[]
  readonly session: InteractiveSession
  /** E2 */
  readonly echo: Uint8Array
  readonly share: SignatureShare
  readonly target: SigningTarget
}

/**
 * A signature in one dialogue: three rounds, and a fourth if one party assembles for all. It is verified under the child
 * key before it is stored, and stored before it is sent.
 *
 * @throws {UsageError} for a session that does not fit the key
 * @throws {ProtocolAbort} naming the round and, where it can be known, who broke it
 *
 * Source: docs/spec/sign.md, sections 1, 2 and 4.
 */
export function* sign(session: InteractiveSession, key: SigningKey, deps: SigningDeps): Protocol<Signature> {
  const { message, signers, assembler } = session
  if (assembler !== 'all' && !signers.includes(assembler)) throw new UsageError('the assembler is not a signer')
  const bind = TH(deps.backend, 'bind', message.digest, encodePath(message.path))
  const run = startSigning('sign', session, key, deps, bind)

  const nonce = yield* agreeOnNonce(run)

  const { publicKey, chainCode, epoch } = key.share
  const current = { publicKey, chainCode, epoch, signers }
  const { share, target } = onlineShare(deps.backend, presignatureOf(run, nonce), current, message)
  const others = run.peers.map(({ peer }) => peer)
  const ready = { run, others, session, echo: nonce.echo, share, target }
  return yield* assembler === 'all' || assembler === run.self ? assemble(ready) : handOver(ready, assembler)
}

/** Round 3 of a party that adds up the shares, and round 4 if it does so for all. */
function* assemble({ run, others, session, echo, share, target }: Ready): Protocol<Signature> {
  const { assembler, message, range } = session
  const toAll = toEach(assembler === 'all' ? others : [], concat(echo, share.u, share.w))
  const finals = readFinals(yield* exchange(run.header(3), run.self, toAll, toEach(others, FINAL_BYTES)))
  const agreed = finals.every((theirs) => equalBytes(theirs.echo, echo))
  if (!agreed) throw new ProtocolAbort('ECHO_MISMATCH', 3) // check S15
  for (const { from, u, w } of finals) checkShare(u, w, from)

  const theirs = finals.map(({ u, w }) => ({ id: target.id, rhoD: message.rhoD, u, w }))
  const signature = combine(run.backend, target, [share, ...theirs], range)
  const bytes = encodeSignature(signature)
  yield* journal({ entry: 'store', name: 'signature', bytes })
  if (assembler !== 'all') yield* exchange(run.header(4), run.self, toEach(others, bytes), new Map())
  return signature
}

/** Rounds 3 and 4 of a party for which another assembles. It trusts the result no more than its own. */
function* handOver({ run, session, echo, share, target }: Ready, assembler: PartyIndex): Protocol<Signature> {
  const final = toEach([assembler], concat(echo, share.u, share.w))
  yield* exchange(run.header(3), run.self, final, new Map())

  const answer = yield* exchange(run.header(4), run.self, new Map(), toEach([assembler], SIGNATURE_BYTES))
  const signature = decodeSignature(answer.get(assembler)!)
  if (signature === undefined) throw new ProtocolAbort('BAD_ENCODING', 4, [assembler]) // check S9
  checkSignature(run.backend, target, signature, session.range) // check S28
  return signature
}

function readFinals(inbox: Inbox) {
  return [...inbox].map(([from, body]) => {
    const [echo, u, w] = split(body, 32, 32, 32)
    return { from, echo, u, w }
  })
}
