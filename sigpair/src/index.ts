export { type CommitDeps, commitKey } from './keys/commit.ts'
export { crc32c } from './seal/crc32c.ts'
export { cancelBatch } from './sign/batch-cancel.ts'
export { prepareBatch } from './sign/batch-prepare.ts'
export { batchAt, type BatchRecord, batchReleaseAt } from './sign/batch-records.ts'
export { type BatchCompletion, completeBatch, type SignedSession } from './sign/batch-sign.ts'
export { digestOf, messageDigest, transactionDigest } from './sign/digest.ts'
export { type EventRouteDeps, eventRoutes } from './events/event-routes.ts'
export { relayPairEvents } from './events/event-relay.ts'
export {
  acknowledgeEvents,
  acknowledgeEventsUpTo,
  type EventCursor,
  type EventHead,
  type EventRecord,
  type Happened,
  listEvents,
  notePairStopped,
  type PairEventRecord,
  readEventCursor,
  writeEvent,
} from './events/events.ts'
export { loadIdentity, type SigpairIdentity } from './keys/identity.ts'
export { type Intended, verifyIntent } from './keys/intent.ts'
export { authenticate, type AuthDeps, type TrustedService } from './internal/internal-auth.ts'
export { type InternalDeps, internalRoutes, readinessChecks } from './internal/internal-http.ts'
export { type KeyView, type LoadedKey, loadForSigning, readKey, type ReadyKey, readyKey } from './keys/key-status.ts'
export { openShare } from './keys/epoch-key.ts'
export { beginKeygen, commitStage, failKeygen } from './keys/key-store.ts'
export { finishRetirements, noteRetirements, retireEpoch } from './keys/retire.ts'
export { type Commit, named, putInForce, rotateKey } from './keys/rotate.ts'
export { abortOldStages } from './keys/stage-expire.ts'
export { beginEpoch, type NewEpoch, type Refreshable, refreshable } from './keys/stage-begin.ts'
export { abortOpened, abortStage, commitReceipt, readStage, type ReceiptDeps } from './keys/stage-fate.ts'
export {
  backUpStaged,
  completeStage,
  type MadeBackup,
  type StagedKey,
  type StageName,
  stageKey,
} from './keys/stage-store.ts'
export { createKms, type Kms, type KmsOptions } from './seal/kms.ts'
export { openCheck, passCheck, poison, recordFailure, strike } from './keys/pair-store.ts'
export {
  consume,
  createUsable,
  type Finished,
  type PairInEpoch,
  reconcile,
  roomFor,
  type Wanted,
} from './keys/presignature-store.ts'
export { DEVICE, SIGPAIR } from './parties.ts'
export type {
  BackupRecord,
  DeviceName,
  EpochRecord,
  ExportRecord,
  KeyRecord,
  PairRecord,
  PresignatureRecord,
  RestoreRecord,
  RunRecord,
  Sealed,
  SessionRecord,
} from './records.ts'
export { createSealer, type SealContext, type Sealer, type Seals, type SealSession } from './seal/seal.ts'
export {
  loadSession,
  loadUnsigned,
  type PrepareDeps,
  prepareSession,
  type SessionName,
  storeSignature,
} from './sign/session-store.ts'
export { type CompleteSignature, completeSession, type OnlineJob, type Signed } from './sign/sign-session.ts'
export { backupAt, keyAt, type PairName, pairAt, presignatureAt, runAt, sessionAt, type Stores } from './stores.ts'
