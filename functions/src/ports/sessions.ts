import { randomBytes } from 'node:crypto'
import { ref, type Store } from '@tandem/store'
import { type UnsignedTx, WireError } from '@tandem/wire'
import { userTag } from './profiles.ts'

/** What both kinds of session have in common. */
type SessionBase = {
  readonly sessionId: string
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly profileId: string
  readonly keyId: string
  readonly path: readonly number[]
  /** address that signs: the wallet's, or its child's below `path` */
  readonly from: string
  /** as both we and Sigpair computed it; 32 bytes as hex */
  readonly digest: string
  /** seconds since 1970 */
  readonly expiresAt: number
  /** the user has proven the second factor for it */
  readonly proven?: true
}

/**
 * Where a transaction is. `prepared → signed → submitted`, or `prepared → expired`, or `signed → failed`.
 * What happens after `submitted` is the chain's to say and is read from there.
 */
export type TransactionState =
  | { readonly status: 'prepared' }
  /** the raw transaction is stored before the chain hears of it */
  | { readonly status: 'signed' | 'submitted'; readonly raw: string; readonly txHash: string }
  | { readonly status: 'failed'; readonly raw: string; readonly txHash: string; readonly reason: string }
  | { readonly status: 'expired' }

export type TransactionSession = SessionBase & {
  readonly kind: 'transaction'
  readonly unsignedTx: UnsignedTx
  readonly state: TransactionState
  /** the batch it is signed with; absent for a payment of its own */
  readonly batchId?: string
}

/** What is signed and not sent: a text (EIP-191), or typed data (EIP-712) as canonical JSON. */
export type MessagePayload =
  | { readonly kind: 'message'; readonly message: string }
  | { readonly kind: 'typed-data'; readonly json: string }

export type MessageSession = SessionBase &
  MessagePayload & {
    /** r ‖ s ‖ v once signed; repeated to every repetition */
    readonly signature: string | null
  }

export type Session = TransactionSession | MessageSession

/** Sessions as one user sees them: what is not his is absent. `require…` throw `NOT_FOUND`. */
export type Sessions = {
  /** A session that nobody takes further is forgotten a day after its end. */
  readonly create: (session: Session) => Promise<void>
  /** All or none. */
  readonly createAll: (sessions: readonly Session[]) => Promise<void>
  readonly find: (owner: string, sessionId: string) => Promise<Session | undefined>
  readonly require: (owner: string, sessionId: string) => Promise<Session>
  /** A session that is signed by itself. @throws {WireError} `VALIDATION_FAILED` for one of a batch */
  readonly requireSingle: (owner: string, sessionId: string) => Promise<Session>
  /** As `requireSingle`, a transaction. */
  readonly requirePayment: (owner: string, sessionId: string) => Promise<TransactionSession>
  readonly requireTransaction: (owner: string, sessionId: string) => Promise<TransactionSession>
  readonly requireMessage: (owner: string, sessionId: string, kind: MessagePayload['kind']) => Promise<MessageSession>
  /** Moves to the state `next` names, in one transaction with reading the old one; `next` may keep the old one. */
  readonly advance: (
    session: TransactionSession,
    next: (state: TransactionState) => TransactionState,
  ) => Promise<TransactionSession>
  /** As `advance`, for many in one transaction: all of them move, or none. */
  readonly advanceAll: (
    sessions: readonly TransactionSession[],
    next: (state: TransactionState, index: number) => TransactionState,
  ) => Promise<readonly TransactionSession[]>
  readonly setSignature: (session: MessageSession, signature: string) => Promise<void>
  readonly markProven: (session: Session) => Promise<void>
}

export function newSessionId(): string {
  return `ses_${randomBytes(16).toString('base64url')}`
}

/** How long a repetition still finds the session of a text, and one that was never signed. */
const REMEMBERED_MS = 24 * 3_600_000

const endOf = ({ expiresAt }: Session) => ({ expireAt: expiresAt * 1000 + REMEMBERED_MS })

export function sessions(store: Store): Sessions {
  const find = async (owner: string, sessionId: string) => (await store.get(refOf(owner, sessionId)))?.data
  const require = async (owner: string, sessionId: string) => {
    const session = await find(owner, sessionId)
    if (session === undefined) throw new WireError('NOT_FOUND')
    return session
  }
  return {
    create: async (session) => {
      await store.create(refOf(session.owner, session.sessionId), session, endOf(session))
    },
    createAll: (all) =>
      store.transaction(async (tx) => {
        for (const session of all) tx.create(refOf(session.owner, session.sessionId), session, endOf(session))
      }),
    find,
    require,
    requireSingle: async (owner, sessionId) => single(await require(owner, sessionId)),
    requirePayment: async (owner, sessionId) => ofKind(single(await require(owner, sessionId)), 'transaction'),
    requireTransaction: async (owner, sessionId) => ofKind(await require(owner, sessionId), 'transaction'),
    requireMessage: async (owner, sessionId, kind) => ofKind(await require(owner, sessionId), kind),
    advance: async (session, next) => {
      const [after] = await advanceAll(store, [session], next)
      return after ?? session
    },
    advanceAll: (all, next) => advanceAll(store, all, next),
    setSignature: async (session, signature) => {
      const at = refOf(session.owner, session.sessionId)
      await store.transaction(async (tx) => {
        if ((await tx.get(at)) === undefined) throw new WireError('NOT_FOUND')
        tx.update(at, { ...session, signature }, endOf(session))
      })
    },
    markProven: async ({ owner, sessionId }) => {
      const at = refOf(owner, sessionId)
      await store.transaction(async (tx) => {
        const doc = await tx.get(at)
        if (doc === undefined) throw new WireError('NOT_FOUND')
        tx.update(at, { ...doc.data, proven: true }, doc.expireAt === undefined ? {} : { expireAt: doc.expireAt })
      })
    },
  }
}

function advanceAll(
  store: Store,
  all: readonly TransactionSession[],
  next: (state: TransactionState, index: number) => TransactionState,
): Promise<readonly TransactionSession[]> {
  return store.transaction(async (tx) => {
    const refs = all.map(({ owner, sessionId }) => refOf(owner, sessionId))
    const docs = await Promise.all(refs.map((at) => tx.get(at)))
    return refs.map((at, i) => {
      const doc = docs[i]
      if (doc === undefined) throw new WireError('NOT_FOUND')
      const before = ofKind(doc.data, 'transaction')
      const state = next(before.state, i)
      if (state === before.state) return before
      const after = { ...before, state }
      tx.update(at, after)
      return after
    })
  })
}

function single(session: Session): Session {
  if (session.kind !== 'transaction' || session.batchId === undefined) return session
  throw new WireError('VALIDATION_FAILED', 'sessionId: of a batch, which is signed as a whole')
}

function ofKind<Kind extends Session['kind']>(session: Session, kind: Kind): Extract<Session, { kind: Kind }> {
  if (session.kind !== kind) throw new WireError('NOT_FOUND')
  return session as Extract<Session, { kind: Kind }>
}

function refOf(owner: string, sessionId: string) {
  return ref<Session>('sessions', `${userTag(owner)}:${sessionId}`)
}
