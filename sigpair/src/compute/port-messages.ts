import type { KeyObject } from 'node:crypto'
import type { OnlineMessage } from '@tandem/ecdsa'
import type { AbortCode, JournalEntry, KeyId, Message, PartyIndex, SessionId, Verdict } from '@tandem/rounds'

/**
 * What the thread that holds the socket and the stores says to a thread that computes, and back: plain data over one
 * MessagePort per dialogue.
 */
export type ToWorker =
  /** authenticated and decoded; `by` is who sent it, whatever its header says */
  | { readonly kind: 'message'; readonly by: PartyIndex; readonly message: Message }
  /** the request of this number is durable, or could not be made so */
  | { readonly kind: 'answer'; readonly request: number; readonly durable: boolean }
  /** nobody wants the result any more */
  | { readonly kind: 'cancel' }

export type FromWorker =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'request'; readonly request: number; readonly entry: Entry }
  /** last, so that nothing said before it is lost */
  | { readonly kind: 'ended'; readonly ending: Ending }

/** What must be durable before the computation goes on. */
export type Entry =
  | JournalEntry
  /** a finished presignature, encoded */
  | { readonly entry: 'presignature'; readonly id: Uint8Array; readonly bytes: Uint8Array }
  /** the new backup of our share: 16 528 bytes, and no secret of ours to anybody but the owner */
  | { readonly entry: 'backup'; readonly bytes: Uint8Array }

/** What one dialogue computes. */
export type Job = (KeygenJob | RefreshJob | PresignJob | SignJob) & {
  /** whoever is silent for longer in one round ends the run */
  readonly roundMs: number
}

/** Our place among the nodes beside a device, and how many of them sign with it. */
export type Seat = { readonly self: PartyIndex; readonly threshold: number }

/** A new key, and one presignature on what was staged, made and forgotten: it proves the setup before anybody relies on it. */
export type KeygenJob = {
  readonly op: 'keygen'
  readonly keyId: KeyId
  /** Ed25519 identities in index order; the device's is the last where there is a seat */
  readonly identities: readonly Uint8Array[]
  /** absent in a pair */
  readonly seat?: Seat | undefined
  /** our own identity's private half; the engine does not show what is in it */
  readonly identityKey: KeyObject
  /** sigid of the rehearsal of a pair; the quorums of a committee have theirs from its shares */
  readonly rehearsal: SessionId
}

/** New shares of a key, rehearsed as a new key is, and a backup of ours for its owner. */
export type RefreshJob = {
  readonly op: 'refresh'
  /** our encoded share of the epoch to be replaced, alone in its buffer as in {@link KeyBytes} */
  readonly share: Uint8Array
  /** Ed25519 identities of the new epoch in index order: a restored device brings another */
  readonly identities: readonly Uint8Array[]
  readonly identityKey: KeyObject
  /** 32 bytes; also the sigid of the rehearsal of a pair */
  readonly stageId: SessionId
  /** the owner's encryption key, 33 bytes; null where none is enrolled */
  readonly recoveryKey: Uint8Array | null
}

export type PresignJob = {
  readonly op: 'presign'
  readonly key: KeyBytes
  readonly signers: readonly PartyIndex[]
  /** one run each, in this order */
  readonly sigids: readonly SessionId[]
}

export type SignJob = {
  readonly op: 'sign'
  readonly key: KeyBytes
  readonly signers: readonly PartyIndex[]
  readonly sigid: SessionId
  readonly message: OnlineMessage
}

/**
 * Encoded share, and the pair setup with every other signer, each alone in its buffer: they are handed over, not copied, and
 * erased when decoded.
 */
export type KeyBytes = { readonly share: Uint8Array; readonly pairs: readonly Uint8Array[] }

/** How a computation ended. */
export type Ending =
  /** keygen and refresh: the acknowledgements of all parties; otherwise empty */
  | { readonly status: 'done'; readonly certificate: readonly Uint8Array[] }
  | { readonly status: 'aborted'; readonly abort: AbortFacts }
  /** our own failure, for the log */
  | { readonly status: 'failed'; readonly cause: string }

/** A ProtocolAbort as plain data. */
export type AbortFacts = {
  readonly code: AbortCode
  readonly round: number
  readonly culprits: readonly PartyIndex[]
  readonly verdict: Verdict
}

/** How the online step of a signature ended. */
export type Completion =
  /** r ‖ s ‖ recovery id, 65 bytes */
  | { readonly status: 'done'; readonly signature: Uint8Array }
  | { readonly status: 'aborted'; readonly abort: AbortFacts }

/** What a member releases of one signature: nobody learns more from it than the signature says. */
export type OnlinePart = {
  /** R of the presignature, 33 bytes */
  readonly nonce: Uint8Array
  /** u′ ‖ w, 64 bytes */
  readonly share: Uint8Array
}
