import { type Ref, ref, type Store } from '@tandem/store'
import { type RotationRecord, toHex } from '@tandem/wire'
import type {
  BackupRecord,
  IntentRecord,
  KeyRecord,
  OpenStageRecord,
  PairRecord,
  PresignatureRecord,
  RetirementRecord,
  RunRecord,
  SealedIdentity,
  SessionRecord,
} from './records.ts'
import type { Sealer } from './seal/seal.ts'

/** What everything that stores works on. Which database holds what, and why: docs/spec/storage.md, section 1. */
export type Stores = {
  readonly parties: Store
  /** never backed up, never rolled back */
  readonly presignatures: Store
  readonly sealer: Sealer
  /** ms since 1970 */
  readonly now: () => number
}

/** Names a pair: a key id (0x-hex, lower case) and the run that set the pair up (32 bytes). */
export type PairName = { readonly keyId: string; readonly ssid: Uint8Array }

/** The pair of two members in the epoch of `ssid`. `identity`: Ed25519 of the other. */
export const peerPair = ({ keyId, ssid }: PairName, identity: Uint8Array): PairName => ({
  keyId,
  ssid: Uint8Array.of(...ssid, ...identity),
})

export const isPeerPair = ({ ssid }: PairName): boolean => ssid.length > 32

/** The epoch that a pair is of: the ssid without the name of a peer. */
export const epochSsid = (ssid: Uint8Array): Uint8Array => ssid.slice(0, 32)

export const PAIRS = 'pairs'
export const BACKUPS = 'backups'
export const OPEN_STAGES = 'stages'
export const RETIREMENTS = 'retirements'
export const RUNS = 'runs'
export const PRESIGNATURES = 'presignatures'

export const keyAt = (keyId: string): Ref<KeyRecord> => ref('keys', keyId.toLowerCase())

export const sessionAt = (sessionId: string): Ref<SessionRecord> => ref('sessions', sessionId)

export const intentAt = (keyId: string, nonce: string): Ref<IntentRecord> =>
  ref('intents', `${keyId}:${nonce}`.toLowerCase())

/** @param recoveryKey 33 bytes as 0x-hex */
export const backupAt = ({ keyId, ssid }: PairName, recoveryKey: string): Ref<BackupRecord> =>
  ref(BACKUPS, `${keyId}:${toHex(ssid)}:${recoveryKey}`.toLowerCase())

export const openStageAt = (keyId: string): Ref<OpenStageRecord> => ref(OPEN_STAGES, keyId.toLowerCase())

export const retirementAt = ({ keyId, ssid }: PairName): Ref<RetirementRecord> =>
  ref(RETIREMENTS, `${keyId.toLowerCase()}:${toHex(ssid)}`)

/** parties/rotations/{keyId}:{epoch, 10 digits}: signed when the epoch came into force, never changed. */
export const rotationAt = (keyId: string, epoch: number): Ref<RotationRecord> =>
  ref('rotations', `${keyId.toLowerCase()}:${String(epoch).padStart(10, '0')}`)

export const identityAt = (): Ref<SealedIdentity> => ref('meta', 'identity')

export const pairAt = ({ keyId, ssid }: PairName): Ref<PairRecord> =>
  ref(PAIRS, `${keyId.toLowerCase()}:${toHex(ssid)}`)

export const runAt = ({ keyId, ssid }: PairName, run: Uint8Array): Ref<RunRecord> =>
  ref(RUNS, `${keyId.toLowerCase()}:${toHex(ssid)}:${toHex(run)}`)

export const presignatureAt = (keyId: string, id: string): Ref<PresignatureRecord> =>
  ref(PRESIGNATURES, `${keyId.toLowerCase()}:${id.toLowerCase()}`)
