export { type CommitDeps, commitKey } from './commit.ts'
export { crc32c } from './crc32c.ts'
export { digestOf, messageDigest, transactionDigest } from './digest.ts'
export { type EventRouteDeps, eventRoutes } from './event-routes.ts'
export { relayPairEvents } from './event-relay.ts'
export {
  acknowledgeEvents,
  type EventCursor,
  type EventHead,
  type EventRecord,
  type Happened,
  listEvents,
  notePairStopped,
  type PairEventRecord,
  readEventCursor,
  writeEvent,
} from './events.ts'
export { loadIdentity, type SigpairIdentity } from './identity.ts'
export { type Intended, verifyIntent } from './intent.ts'
export { authenticate, type AuthDeps, type TrustedService } from './internal-auth.ts'
export { type InternalDeps, internalRoutes, readinessChecks } from './internal-http.ts'
export { type KeyView, type LoadedKey, loadForSigning, readKey, type ReadyKey, readyKey } from './key-status.ts'
export {
  beginKeygen,
  commitStage,
  completeStage,
  failKeygen,
  type StagedKey,
  stageKey,
} from './key-store.ts'
export { createKms, type Kms, type KmsOptions } from './kms.ts'
export { openCheck, passCheck, poison, recordFailure, strike } from './pair-store.ts'
export {
  consume,
  createUsable,
  type Finished,
  type PairInEpoch,
  reconcile,
  roomFor,
  type Wanted,
} from './presignature-store.ts'
export { DEVICE, SIGPAIR } from './parties.ts'
export type {
  EpochRecord,
  KeyRecord,
  PairRecord,
  PresignatureRecord,
  RunRecord,
  Sealed,
  SessionRecord,
} from './records.ts'
export { createSealer, type SealContext, type Sealer, type Seals, type SealSession } from './seal.ts'
export {
  loadSession,
  loadUnsigned,
  type PrepareDeps,
  prepareSession,
  type SessionName,
  storeSignature,
} from './session-store.ts'
export { type CompleteSignature, completeSession, type OnlineJob, type Signed } from './sign-session.ts'
export { keyAt, type PairName, pairAt, presignatureAt, runAt, sessionAt, type Stores } from './stores.ts'
