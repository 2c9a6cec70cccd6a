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

/** One epoch of a key, as P2 holds it. */
export type EpochRecord = {
  readonly epoch: number
  /** names the stage this epoch came from; the commit receipt repeats it */
  readonly stageId: Uint8Array
  readonly ssid: Uint8Array
  readonly conf: Uint8Array
  readonly publicKey: Uint8Array
  readonly publicShares: readonly Uint8Array[]
  readonly chainCode: Uint8Array
  /** acknowledgements of both parties over conf; the device's is empty until it arrived */
  readonly certificate: readonly Uint8Array[]
  /** the encoded KeyShare */
  readonly share: Sealed
}

/** parties/keys/{keyId hex}. Expires after PENDING_MS unless committed. */
export type KeyRecord = {
  readonly keyId: string
  /** the user, as `issuer|subject` */
  readonly owner: string
  readonly device: { readonly identity: string; readonly exchange: string }
  /** SUSPENDED, STALE and FROZEN are facts of the pair record, not of this one */
  readonly status: 'PENDING' | 'READY' | 'ERROR' | 'DELETED'
  readonly current: EpochRecord | null
  /** `complete` once the device's acknowledgement is stored and the rehearsal signature phase held */
  readonly stage: (EpochRecord & { readonly complete: boolean }) | null
  /** raised by the commit and by every prepared session; shows a restore of an older copy, see docs/spec/storage.md 4 */
  readonly uses: number
  /** times are ms since 1970 */
  readonly createdAt: number
}

/** parties/sessions/{sessionId}: what is to be signed, fixed before anything is signed. */
export type SessionRecord = {
  readonly sessionId: string
  readonly keyId: string
  readonly owner: string
  readonly path: readonly number[]
  readonly payload:
    | { readonly kind: 'transaction'; readonly unsignedTx: UnsignedTx }
    | { readonly kind: 'message'; readonly message: string }
    /** canonical JSON; the store takes no list inside a list */
    | { readonly kind: 'typed-data'; readonly json: string }
  readonly digest: Uint8Array
  /** ρ_S, drawn after digest and path were fixed */
  readonly rhoS: Uint8Array
  /** r ‖ s ‖ recovery id once signed; answered again to every repetition */
  readonly signature: Uint8Array | null
  /** the key's use counter when this was prepared */
  readonly use: number
  readonly expiresAt: number
}

/** parties/meta/identity: Ed25519 seed ‖ X25519 scalar, 64 bytes, created by the first instance that starts. */
export type SealedIdentity = { readonly secrets: Sealed; readonly createdAt: number }

/** parties/intents/{keyId}:{nonce}: an intent that was used. Expires with it. */
export type IntentRecord = {
  readonly op: string
  readonly usedAt: number
}

/** presignatures/pairs/{keyId}:{ssid hex}: everything about the pair that a rollback must not undo. */
export type PairRecord = {
  readonly keyId: string
  readonly epoch: number
  readonly ssid: Uint8Array
  readonly status: 'ACTIVE' | 'POISONED' | 'STALE' | 'SUSPENDED'
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
}
