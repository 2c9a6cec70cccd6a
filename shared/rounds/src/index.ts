export { type AbortCode, ProtocolAbort, UsageError, type Verdict } from './errors.ts'
export { type KeyId, keyId, MAX_PARTIES, type PartyIndex, partyIndex, type SessionId, sessionId } from './ids.ts'
export { Once } from './once.ts'
export {
  type Exchange,
  exchange,
  type Inbox,
  type JournalEntry,
  journal,
  type Message,
  PROTOCOLS,
  type Protocol,
  type ProtocolName,
  pause,
  type RoundHeader,
  type Step,
  toEach,
} from './protocol.ts'
export { hedged, type Rng } from './rng.ts'
export { type Channel, type RunHost, run } from './run.ts'
export { runAlone } from './run-alone.ts'
export { ascii, encodeFields, type Label, LABELS, SUITE } from './tags.ts'
