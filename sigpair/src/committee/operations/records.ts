import type { HandoverName, MemberKey } from '@tandem/ecdsa'
import { type Ref, ref } from '@tandem/store'
import { type CommitteeKey, committeeKey, type CallerRequest, fromHex, toHex } from '@tandem/wire'
import type { Sealed } from '../../records.ts'
import type { PairName } from '../../stores.ts'
import type { NodeName } from '../network.ts'
import type { CertificateFields } from './messages.ts'

// What a node keeps. Requests and certificates are kept as the JSON they came in: signatures are over text.

/** Our share of one run, as stage and then as the one in force. */
export type ShareRecord = HandoverName & {
  readonly protocol: CertificateFields['protocol']
  readonly ssid: Uint8Array
  readonly conf: Uint8Array
  readonly epoch: number
  /** the order of {@link CertificateFields} */
  readonly order: string
  /** what a READY key of it answers, JSON of {@link CommitteeKey} */
  readonly key: string
  /** our index, 1…n */
  readonly self: number
  /** every pair of it has signed: we may acknowledge it, now and whenever somebody asks */
  readonly rehearsed: boolean
  /** the encoded KeyShare */
  readonly data: Sealed
}

/** keys/{keyId}: the seed's record. `data` is in the share in force, which names its session as well. */
export type KeyRecord = MemberKey<ShareRecord> & {
  readonly keyId: string
  readonly status: CommitteeKey['status']
  /** the keyGen that is under way; null unless PENDING */
  readonly pending: { readonly sessionId: string; readonly until: number } | null
  /** the highest attempt this node has begun */
  readonly attempt: number
  /** JSON of {@link CertificateFields}, of the latest handover seen */
  readonly certificate: string | null
  readonly deletion: {
    /** JSON of the caller's request: whoever has not heard is shown it */
    readonly request: string
    readonly purgeAt: number
    readonly missing: readonly NodeName[]
  } | null
}

/** sessions/{caller}:{requestId}: a request that was acted on, and what came of it. */
export type RequestRecord = {
  readonly digest: Uint8Array
  readonly keyId: string
  /** of the run it is signed in; another may only follow when that one is over */
  readonly session: string | null
  /** JSON of {@link CommitteeSignature} */
  readonly signature: string | null
  /** a change of the key that is in force */
  readonly done: boolean
}

export const KEYS = 'keys'

export const keyRecordAt = (keyId: string): Ref<KeyRecord> => ref('keys', keyId.toLowerCase())

export const requestAt = ({ caller, requestId }: CallerRequest): Ref<RequestRecord> =>
  ref('sessions', `${caller}:${requestId}`.toLowerCase())

/** The pair with one peer, in one epoch of a key: the stores of pairs take it as it is. */
export function pairName(keyId: string, ssid: Uint8Array, peer: NodeName): PairName {
  return { keyId: keyId.toLowerCase(), ssid: Uint8Array.of(...ssid, ...fromHex(peer)) }
}

export function emptyKey(keyId: string): KeyRecord {
  const nothing = { current: null, stages: [], certified: null, pending: null, certificate: null, deletion: null }
  return { keyId: keyId.toLowerCase(), status: 'ERROR', attempt: 0, ...nothing }
}

export function keyOf({ key }: Pick<ShareRecord, 'key'>): CommitteeKey {
  return committeeKey.parse(JSON.parse(key))
}

export function nameOf({ attempt, stageId }: HandoverName): { attempt: number; stageId: string } {
  return { attempt, stageId: toHex(stageId) }
}

export function handoverOf({ attempt, stageId }: { attempt: number; stageId: string }): HandoverName {
  return { attempt, stageId: fromHex(stageId) }
}
