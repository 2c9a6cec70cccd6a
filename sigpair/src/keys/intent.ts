import type { Doc, Transaction } from '@tandem/store'
import { canonicalJson, fromHex, type Intent, intentBytes, utf8, WireError } from '@tandem/wire'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import { sameBytes, sha256 } from '../crypto/hash.ts'
import type { IntentRecord } from '../records.ts'
import { intentAt } from '../stores.ts'

/** An intent is good for ten minutes at most: what is stolen later is worth nothing. */
const MAX_AHEAD_SECONDS = 600

/** What the intent must be about. */
export type Intended = {
  readonly op: Intent['op']
  readonly keyId: string
  readonly epoch: number
  /** the request body without `intent` */
  readonly body: unknown
  /** Ed25519 identity of the enrolled device, 0x-hex */
  readonly device: string
}

/**
 * The device's own word for one commit: no service between it and Sigpair can act without it. Says nothing of when; see
 * {@link spendIntent}.
 *
 * @throws {WireError} `FORBIDDEN`, details naming the field
 *
 * Source: docs/spec/flows.md 1.5.
 */
export function verifyIntent(intent: Intent, { op, keyId, epoch, body, device }: Intended): void {
  if (intent.op !== op) throw refused('op')
  if (intent.keyId.toLowerCase() !== keyId.toLowerCase()) throw refused('keyId')
  if (intent.epoch !== epoch) throw refused('epoch')
  if (!sameBytes(fromHex(intent.bodyHash), sha256(utf8(canonicalJson(body))))) throw refused('bodyHash')
  const signed = verifyEd25519(fromHex(device), intentBytes(intent), fromHex(intent.signature))
  if (!signed) throw refused('signature')
}

/**
 * t other members have it in force already: then neither the age of the intent nor that of the stage says anything. Source:
 * docs/spec/gateway.md 4.6.
 */
export type Late = 'in force elsewhere'

/** An intent as its transaction found it. */
export type UnspentIntent = { readonly intent: Intent; readonly spent: Doc<IntentRecord> | undefined }

/** Reads of a transaction come before its writes: this is the read of {@link spendIntent}. */
export async function readIntent(tx: Transaction, intent: Intent): Promise<UnspentIntent> {
  return { intent, spent: await tx.get(intentAt(intent.keyId, intent.nonce)) }
}

/**
 * Spends a verified intent in the transaction of the commit it allows.
 *
 * @param now  ms since 1970
 * @param late it was spent elsewhere: nothing is left to spend here
 * @throws {WireError} `FORBIDDEN` for one that is spent, past, or more than ten minutes ahead
 */
export function spendIntent(tx: Transaction, { intent, spent }: UnspentIntent, now: number, late?: Late): void {
  if (late) return
  if (spent) throw refused('nonce')
  const seconds = now / 1000
  if (intent.expiry <= seconds || intent.expiry > seconds + MAX_AHEAD_SECONDS) throw refused('expiry')
  const expireAt = intent.expiry * 1000
  tx.create(intentAt(intent.keyId, intent.nonce), { op: intent.op, usedAt: now }, { expireAt })
}

function refused(field: string): WireError {
  return new WireError('FORBIDDEN', `intent.${field}`)
}
