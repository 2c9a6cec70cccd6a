export { keygen } from './keygen/keygen.ts'
export type { KeygenSetup } from './keygen/keygen-session.ts'
export { refresh } from './refresh/refresh.ts'
export type { RefreshSetup } from './refresh/refresh-session.ts'
export { reshare } from './reshare/reshare.ts'
export type { ReshareResult } from './reshare/reshare-rounds.ts'
export { type Committee, placesOf, type ReshareSetup } from './reshare/reshare-session.ts'
export type { NextKey } from './reshare/reshare-shares.ts'
export {
  attestationMessage,
  type AttestedKey,
  checkStatement,
  type KeyPin,
  type KeyStatement,
  statementOf,
} from './reshare/key-statement.ts'
export type { Backend, Point } from './math/backend.ts'
export { hashToField, invertAll, isogeny, p, swuCandidates } from './math/hash-to-curve.ts'
export { noble, randomPoint } from './math/noble.ts'
export { fromBytesBE, q, toBytes32 } from './math/scalar.ts'
export {
  type AliceSeeds,
  type BobSeeds,
  hideSecrets,
  type KeygenResult,
  type KeyShare,
  type PairSetup,
} from './share.ts'
export {
  decodePair,
  decodeShare,
  decodeStage,
  encodePair,
  encodeShare,
  encodeStage,
  type Stage,
  shareHolds,
} from './share-codec.ts'
export { committeeOf, deviceOf, type Sharing, weightOf } from './sharing.ts'
export { ackMessage, type StagingDeps, type StagingProtocol } from './staging/staging-session.ts'
export { checkSignature, combine, type RecoveryRange } from './signing/assemble.ts'
export { type ChildKey, derive, encodePath, type ExtendedKey, MAX_PATH_LENGTH } from './derive.ts'
export {
  type CurrentKey,
  decodeSignatureShare,
  encodeSignatureShare,
  type OnlineMessage,
  onlineShare,
  SHARE_BYTES,
  type SignatureShare,
  type SigningTarget,
  signingTarget,
} from './signing/online.ts'
export { type OpenPair, openPair } from './pair.ts'
export { presign } from './signing/presign.ts'
export { rehearsalQuorums } from './signing/rehearsal.ts'
export { decodePresignature, encodePresignature, type NonceShare, type Presignature } from './signing/presignature.ts'
export { type InteractiveSession, sign } from './signing/sign.ts'
export {
  decodeSignature,
  encodeSignature,
  fromDer,
  type Signature,
  SIGNATURE_BYTES,
  toDer,
} from './signing/signature.ts'
export type { SigningDeps, SigningKey, SigningSession } from './signing/signing-session.ts'
export { abortStatement, commitStatement, statusStatement } from './staging/commit.ts'
export {
  POSSESSION_BYTES,
  type PossessionClaim,
  type PossessionPurpose,
  provePossession,
  verifyPossession,
} from './proof/possession.ts'
export {
  type BackupPurpose,
  type BackupStatement,
  backupHash,
  backupHashOfNodes,
  backupKey,
  backupStatement,
} from './backup/backup.ts'
export { pveDecrypt, pveEncrypt, pveVerify } from './backup/pve.ts'
export { PVE_BYTES, PVE_ROWS } from './backup/pve-row.ts'
export { combineShares, type RecoveredKey, shareOfPeer } from './backup/recovery.ts'
export {
  abortStage,
  acknowledgeStage,
  backUpStage,
  beginStage,
  type Change,
  closeStage,
  commitStage,
  type DeviceKey,
  type EpochName,
  type Fate,
  fateOf,
  type NotYet,
  openStage,
  type ServerKey,
  type ServerStage,
  storeStage,
} from './staging/stage.ts'
export {
  type Certified,
  checkCertificate,
  checkHandover,
  type HandoverClaim,
  handoverStatement,
} from './staging/certificate.ts'
export {
  certifyHandover,
  fateOfHandover,
  type HandoverChange,
  type HandoverFate,
  type HandoverName,
  mayBegin,
  type MemberKey,
  owesCertificate,
  stageHandover,
} from './staging/handover.ts'
export { broadcastPart, broadcastStatement, equivocators, type SignedBroadcast } from './evidence.ts'
export { H2S, type Sha2, TH } from './math/hash.ts'
export { selfTest } from './multiply/self-test.ts'
