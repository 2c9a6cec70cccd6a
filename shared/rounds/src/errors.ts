import type { PartyIndex } from './ids.ts'

/** What a service does after an aborted run. Spec: abort and blame. */
export type Verdict =
  /** network, timeout, version skew, our bug: a new run may be tried */
  | 'retry'
  /** a cheat that touches nothing long-lived: counted, three in a day suspend the key */
  | 'strike'
  /** the check on a long-lived secret failed: the pair is destroyed before anybody hears of it */
  | 'ban'

/** Why a run ended. The check inventory (K…, S…) is in docs/spec/checks.md. */
export type AbortCode = keyof typeof VERDICTS

const VERDICTS = {
  /** header of another run, or setups that differ: two honest parties must not accuse each other */
  MISMATCH: 'retry',
  /** wrong body length, or a frame nobody asked for */
  MALFORMED: 'retry',
  /** the parties saw different broadcasts */
  ECHO_MISMATCH: 'retry',
  SILENT_PEER: 'retry',
  CANCELLED: 'retry',
  /** a point or scalar that is not canonical, zero, or the identity where it must not be */
  BAD_ENCODING: 'strike',
  BAD_COMMITMENT: 'strike',
  /** a proof of knowledge, or a signature of acknowledgement, does not verify */
  BAD_PROOF: 'strike',
  /** what a peer dealt us alone is not what it committed to before all */
  BAD_SHARE: 'strike',
  BAD_BASE_OT: 'strike',
  /** the PPRF proof: a setup that is discarded, so nothing long-lived is touched */
  BAD_PPRF: 'strike',
  /** the multiplication check (μ) */
  BAD_MULTIPLICATION: 'strike',
  /** the point checks Γ of signing */
  BAD_GAMMA: 'strike',
  /** the OT consistency check: its outcome depends on the long-lived Δ */
  BAD_OT_CHECK: 'ban',
  /** sums that do not meet the public key: somebody lied, nobody can say who */
  UNATTRIBUTED: 'retry',
} as const satisfies Record<string, Verdict>

/** Our own mistake: an argument out of range, a one-time secret taken twice. Never caused by a peer. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A peer broke the protocol or left it. Carries no secret and no text of the peer's. */
export class ProtocolAbort extends Error {
  override readonly name = 'ProtocolAbort'
  readonly code: AbortCode
  readonly round: number
  readonly culprits: readonly PartyIndex[]
  readonly verdict: Verdict

  constructor(code: AbortCode, round: number, culprits: readonly PartyIndex[] = []) {
    super(`round ${round}: ${code}${culprits.length > 0 ? ` by party ${culprits.join(', ')}` : ''}`)
    this.code = code
    this.round = round
    this.culprits = culprits
    this.verdict = VERDICTS[code]
  }
}
