export { combineShares, type RecoveredKey } from '@tandem/ecdsa'
export { type AgeKey, type AgeLock, createAgeIdentity, openAgeFile, sealWithAge } from './age.ts'
export { bundleBackups, readBackupBundle, type SealedShareOf } from './backup-bundle.ts'
export { deviceShareContent, readDeviceShareContent, type ShareSealer } from './device-share.ts'
export { createRecoveryKit, type RecoveryKit } from './recovery-kit.ts'
export {
  openCommitteeBackups,
  openSigpairBackup,
  type SealedHalf,
  shareOfSigpair,
  verificationHashOf,
} from './sigpair-share.ts'
