import { type Ref, ref, type Store } from '@tandem/store'
import { toHex } from '@tandem/wire'
import type {
  IntentRecord,
  KeyRecord,
  PairRecord,
  PresignatureRecord,
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

export const keyAt = (keyId: string): Ref<KeyRecord> => ref('keys', keyId.toLowerCase())

export const sessionAt = (sessionId: string): Ref<SessionRecord> => ref('sessions', sessionId)

export const intentAt = (keyId: string, nonce: string): Ref<IntentRecord> =>
  ref('intents', `${keyId}:${nonce}`.toLowerCase())

export const identityAt = (): Ref<SealedIdentity> => ref('meta', 'identity')

export const pairAt = ({ keyId, ssid }: PairName): Ref<PairRecord> =>
  ref('pairs', `${keyId.toLowerCase()}:${toHex(ssid)}`)

export const runAt = ({ keyId, ssid }: PairName, run: Uint8Array): Ref<RunRecord> =>
  ref('runs', `${keyId.toLowerCase()}:${toHex(ssid)}:${toHex(run)}`)

export const presignatureAt = (keyId: string, id: string): Ref<PresignatureRecord> =>
  ref('presignatures', `${keyId.toLowerCase()}:${id.toLowerCase()}`)
