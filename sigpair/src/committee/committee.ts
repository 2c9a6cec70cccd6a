import type { CallerRequest, CommitteeDeletion, CommitteeKey, CommitteeSignature, CommitteeStatus } from '@tandem/wire'

/** A request of one method. */
export type RequestOf<M extends CallerRequest['method']> = Extract<CallerRequest, { readonly method: M }>

/**
 * One node, as its operator and the caller's gateway use it. Whoever is asked coordinates: any member of the key can, and a
 * caller that hears nothing asks another with the same request.
 *
 * All throw {@link WireError}: `FORBIDDEN` for a request that is not of a pinned caller, expired, or refused by this node's
 * policy; `KEY_PENDING`, `KEY_DELETED`, `NOT_FOUND`, `KEY_BUSY`; `MPC_SIGNING_FAILED` with the round and who was silent;
 * `PROTOCOL_ABORTED` when a check failed (the log names the culprits); `UNAVAILABLE` when fewer than t nodes answer.
 *
 * Source: docs/spec/committee.md.
 */
export type Committee = {
  readonly keyGen: (request: RequestOf<'keyGen'>) => Promise<CommitteeKey>
  readonly keySign: (request: RequestOf<'keySign'>) => Promise<CommitteeSignature>
  readonly keyRefresh: (request: RequestOf<'keyRefresh'>) => Promise<CommitteeKey>
  readonly keyReshare: (request: RequestOf<'keyReshare'>) => Promise<CommitteeKey>
  readonly keyDelete: (request: RequestOf<'keyDelete'>) => Promise<CommitteeDeletion>
  readonly status: () => Promise<CommitteeStatus>
  readonly close: () => Promise<void>
}
