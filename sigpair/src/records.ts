import type { ServerKey } from '@tandem/ecdsa'
import type { UnsignedTx } from '@tandem/wire'
import type { SealContext } from './seal/seal.ts'

/**
 * What Sigpair stores. Two databases: `parties` (key records, sessions, spent tickets), and `presignatures`, which has no
 * backup and no point-in-time recovery and holds everything that must never roll back. Spec: docs/spec/storage.md.
 */

/** AES-256-GCM under a data key that KMS wraps; key id, epoch and purpose are associated data. Made only by seal.ts. */
export type Sealed = {
  /** what it was sealed as, for whoever seals it again; a reader opens it as what he expects, never as this */
  readonly context: SealContext
  /** KMS key version that wrapped the data key */
  readonly kek: string
  readonly wrappedKey: Uint8Array
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
}

/** One epoch of a key, as we hold it: P2 of a pair, or a member beside the device. */
export type EpochRecord = {
  readonly epoch: number
  /** names the stage this epoch came from; the commit receipt repeats it */
  readonly stageId: Uint8Array
  readonly ssid: Uint8Array
  readonly conf: Uint8Array
  readonly publicKey: Uint8Array
  readonly publicShares: readonly Uint8Array[]
  readonly chainCode: Uint8Array
  /** acknowledgements of all parties over conf; empty until they arrived */
  readonly certificate: readonly Uint8Array[]
  /** absent in a pair */
  readonly committee?: CommitteeRecord | undefined
  /** the encoded KeyShare, under the epoch key of its pair and then under KMS. Source: docs/spec/storage.md 2.6 */
  readonly share: Sealed
}

/** Whose shares an epoch has besides ours. Source: docs/spec/gateway.md 1.1. */
export type CommitteeRecord = {
  /** our index, 1…n */
  readonly self: number
  /** how many members sign with the device */
  readonly threshold: number
  /** Ed25519 of members 1…n and of the device, which is the last party */
  readonly identities: readonly Uint8Array[]
}

/** A device, as tickets name it; 0x-hex. */
export type DeviceName = { readonly identity: string; readonly exchange: string }

/**
 * parties/keys/{keyId hex}. Expires after PENDING_MS unless committed. `current`, `begun` and `stage` are the staged commit's
 * and change by its rules alone. Source: docs/spec/refresh.md, section 3.
 */
export type KeyRecord = ServerKey<EpochRecord> & {
  readonly keyId: string
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly device: DeviceName
  /** SUSPENDED, STALE and FROZEN are facts of the pair record, not of this one */
  readonly status: 'PENDING' | 'READY' | 'ERROR' | 'DELETED'
  /** of the dialogue whose stage is begun or stored; null when neither is there */
  readonly opened: StageOpened | null
  /** raised by the commit and by every prepared session; shows a restore of an older copy, see docs/spec/storage.md 4 */
  readonly uses: number
  /** times are ms since 1970 */
  readonly createdAt: number
  /** when a key that did not sign was put right by a refresh, within the last REPAIR_WINDOW_MS */
  readonly repairs: readonly number[]
  /** for backups of Sigpair's share; 33 bytes, lower-case 0x-hex */
  readonly recoveryKey: EnrolledRecoveryKey
  /** at most one at a time */
  readonly restore: RestoreRecord | null
  /** asked for and neither cancelled nor past */
  readonly exports: readonly ExportRecord[]
  /** when Sigpair's share left it for the first time; for ever */
  readonly exportedAt: number | null
  /** at a member: what put `current` in force, canonical JSON of `Commitment`. Source: docs/spec/gateway.md 4.6 */
  readonly commitment?: string
}

/** Who opened a dialogue that stages an epoch. */
export type StageOpened = {
  readonly at: number
  /** party 1 of the epoch it stages */
  readonly device: DeviceName
  /** the restore it belongs to: only that one's commit may put the stage in force */
  readonly restoreId: string | null
}

export type EnrolledRecoveryKey = {
  readonly current: string | null
  /** in force from `notBefore` on */
  readonly pending: { readonly encryptionKey: string; readonly notBefore: number } | null
}

/** Somebody has proven to hold the device's share and asks to take part with it. Source: docs/spec/flows.md 12.1. */
export type RestoreRecord = {
  readonly restoreId: string
  readonly reason: 'device-lost' | 'server-lost'
  /** the device that will be enrolled */
  readonly device: DeviceName
  readonly requestedAt: number
  readonly notBefore: number
  readonly expiresAt: number
}

/** Source: docs/spec/flows.md 11. */
export type ExportRecord = {
  readonly exportId: string
  /** X25519, 32 bytes as 0x-hex */
  readonly encryptionKey: string
  readonly notBefore: number
  readonly expiresAt: number
  readonly confirmedAt: number | null
}

/** parties/backups/{keyId}:{ssid hex}:{recoveryKey}: one epoch and one recovery key have one backup. */
export type BackupRecord = {
  readonly keyId: string
  readonly epoch: number
  readonly recoveryKey: string
  readonly backupId: string
  /** what the owner's intent confirms at a commit */
  readonly hash: Uint8Array
  /** encrypted to the owner, for whom it is readable and for nobody else. Source: docs/spec/backup.md 1.5 */
  readonly ciphertext: Uint8Array
  readonly createdAt: number
}

/** parties/stages/{keyId}: a stage of a committed key is open; for the sweep, which aborts the old ones. */
export type OpenStageRecord = { readonly keyId: string; readonly stageId: Uint8Array; readonly openedAt: number }

/** parties/retirements/{keyId}:{ssid hex}: written with the change that makes an epoch dead, gone once it is erased. */
export type RetirementRecord = { readonly keyId: string; readonly epoch: number; readonly ssid: Uint8Array }

/** parties/sessions/{sessionId}: what is to be signed, fixed before anything is signed. */
export type SessionRecord = {
  readonly sessionId: string
  /** the batch it is signed with; absent for a session of its own */
  readonly batchId?: string
  readonly keyId: string
  readonly owner: string
  readonly path: readonly number[]
  readonly payload:
    | { readonly kind: 'transaction'; readonly unsignedTx: UnsignedTx }
    | { readonly kind: 'message'; readonly message: string }
    /** canonical JSON; the store takes no list inside a list */
    | { readonly kind: 'typed-data'; readonly json: string }
  readonly digest: Uint8Array
  /** ρ_S, drawn after digest and path were fixed; at a member its own part of it */
  readonly rhoS: Uint8Array
  /** at a member: ρ_S of all parts, null until it is fixed. Source: docs/spec/gateway.md 4.4 */
  readonly settled?: Uint8Array | null
  /** out of which parts, ascending, once it is: whoever settles again needs the same */
  readonly parts?: readonly { readonly index: number; readonly rhoS: Uint8Array }[]
  /** at a member: its parts of signatures that have left, or may have; none for a presignature it does not hold */
  readonly released?: readonly ReleasedPart[]
  /** at a member: an interactive signature may exist, so the session is not given up any more */
  readonly begun?: true
  /** r ‖ s ‖ recovery id once signed; answered again to every repetition */
  readonly signature: Uint8Array | null
  /** the backend says that the user has proven the second factor for it */
  readonly proven?: true
  /** given up before it was signed: it never is */
  readonly cancelled?: true
  /** the key's use counter when this was prepared */
  readonly use: number
  readonly expiresAt: number
}

/** What a member has answered of one signature, and answers again. Source: docs/spec/gateway.md 4.5. */
export type ReleasedPart = {
  /** of the presignature, 32 bytes */
  readonly id: Uint8Array
  readonly signers: readonly number[]
  readonly nonce: Uint8Array
  readonly share: Uint8Array
  readonly epoch: number
}

/** parties/meta/identity: Ed25519 seed ‖ X25519 scalar, 64 bytes, created by the first instance that starts. */
export type SealedIdentity = { readonly secrets: Sealed; readonly createdAt: number }

/** parties/intents/{keyId}:{nonce}: an intent that was used. Expires with it. */
export type IntentRecord = {
  readonly op: string
  readonly usedAt: number
}

/**
 * presignatures/pairs/{keyId}:{ssid hex}: everything about the pair that a rollback must not undo. The pair of two members is
 * named by ssid ‖ identity of the other, and has neither stock nor epoch key nor uses.
 */
export type PairRecord = {
  readonly keyId: string
  readonly epoch: number
  readonly ssid: Uint8Array
  /** index of the other member; absent in the pair with the device */
  readonly peer?: number
  /** RETIRED: its epoch is dead, and everything secret of it erased */
  readonly status: 'ACTIVE' | 'POISONED' | 'STALE' | 'SUSPENDED' | 'RETIRED'
  /** OT checks begun and passed; see docs/spec/abort.md */
  readonly opened: number
  readonly passed: number
  /** times (ms) of cheats that touched nothing long-lived */
  readonly strikes: readonly number[]
  /** times (ms) of final signatures that did not verify */
  readonly failures: readonly number[]
  /** ids (hex) of usable presignatures, oldest first, at most MAX_PRESIGNATURES */
  readonly stock: readonly string[]
  /** the highest use counter of the key record this pair has worked for */
  readonly uses: number
  /** the encoded PairSetup; null once poisoned */
  readonly setup: Sealed | null
  /** 32 bytes without which the epoch's share does not open; outlives the setup, for a repair; null once retired */
  readonly epochKey: Sealed | null
  /** ssid of the pair that a commit is about to put in this one's place: who freezes this one freezes that one too */
  readonly successor: Uint8Array | null
}

/** presignatures/runs/{keyId}:{ssid hex}:{run hex}: exists from the moment the run's check was opened. */
export type RunRecord = {
  readonly passed: boolean
  readonly openedAt: number
}

/** presignatures/presignatures/{keyId}:{id hex}: the id outlives the payload until its epoch is retired. */
export type PresignatureRecord = {
  readonly keyId: string
  readonly epoch: number
  readonly ssid: Uint8Array
  readonly status: 'USABLE' | 'CONSUMED'
  readonly createdAt: number
  /** null once consumed */
  readonly payload: Sealed | null
  /** the session it was consumed for, for the log */
  readonly sessionId: string | null
  /** who made it, and alone can use it; absent in a pair */
  readonly signers?: readonly number[]
}
