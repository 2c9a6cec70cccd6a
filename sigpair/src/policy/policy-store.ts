import { type Ref, ref, type Transaction } from '@tandem/store'
import { canonicalJson, type Policy, WireError } from '@tandem/wire'
import { appendAudit, readAudit } from '../audit/audit.ts'
import { type Claim, claimOf } from './policy-claim.ts'
import type { SessionRecord } from '../records.ts'
import { asksSecondFactor, type AssetName, chargesOf, refusingRule } from './policy-rules.ts'
import { readLedger } from '../sign/spending.ts'
import type { Stores } from '../stores.ts'

/** presignatures/policies/{keyId}: beside the counters it is judged with, and like them never rolled back. */
export type PolicyRecord = {
  readonly keyId: string
  /** counts changes */
  readonly version: number
  /** canonical JSON; all must allow */
  readonly inForce: readonly string[]
  readonly pending: PendingPolicy | null
  /** of the intent that made the last change */
  readonly nonce: string
}

export type PendingPolicy = {
  /** canonical JSON of a policy, or of null */
  readonly policy: string
  /** ms since 1970: from then on it stands alone */
  readonly at: number
}

/** parties/policy-marks/{keyId}: how many changes there have been; a `presignatures` that knows fewer was lost. */
export type PolicyMark = { readonly version: number }

/** presignatures/releases/{keyId}:{sessionId}: a session whose spending was charged. */
export type ReleaseRecord = { readonly at: number }

export const policyAt = (keyId: string): Ref<PolicyRecord> => ref('policies', keyId.toLowerCase())
export const policyMarkAt = (keyId: string): Ref<PolicyMark> => ref('policy-marks', keyId.toLowerCase())
const releaseAt = (keyId: string, sessionId: string): Ref<ReleaseRecord> =>
  ref('releases', `${keyId.toLowerCase()}:${sessionId}`)

/** Longer than a session can be signed. */
const RELEASE_MS = 24 * 3_600_000

/** What is to be signed, and for which session. */
export type Release = Judged & {
  readonly keyId: string
  /** of {@link policyMark}, read before the transaction */
  readonly mark: number
}

/** One session of a release. */
export type Judged = {
  readonly sessionId: string
  readonly claim: Claim
  /** how a refusal says which of several it was */
  readonly name?: string
  /** whether the user has proven the second factor for it, or still may; not, when absent */
  readonly factor?: 'proven' | 'later'
}

/** Read before a release: only ever too low, and then it hides nothing that was not lost. */
export async function policyMark({ parties }: Pick<Stores, 'parties'>, keyId: string): Promise<number> {
  return (await parties.get(policyMarkAt(keyId)))?.data.version ?? 0
}

/** The policies a claim must satisfy now. */
export function policiesInForce(record: PolicyRecord | undefined, now: number): readonly Policy[] {
  if (!record) return []
  const { inForce, pending } = record
  const ripe = pending !== null && now >= pending.at
  const texts = ripe ? [pending.policy] : [...inForce, ...(pending ? [pending.policy] : [])]
  // Written by this program from a validated policy.
  return texts.map((text) => JSON.parse(text) as Policy | null).filter((policy) => policy !== null)
}

export const policyText = (policy: Policy | null): string => canonicalJson(policy)

/** A release that is allowed. */
export type Allowed = {
  /** of the policy that was applied; 0 without one */
  readonly version: number
  /** Counts what is spent. After the transaction's last read. */
  readonly charge: () => void
}

/**
 * Judges a release inside the transaction that makes it, so that two cannot both fit under one limit. The reads come first;
 * `charge` writes.
 *
 * @param now ms since 1970
 * @throws {WireError} `POLICY_DENIED`, details naming the rule; `TWO_FACTOR_REQUIRED` if the policy asks for it
 *
 * Source: docs/spec/policy.md, section 3.
 */
export async function judgeRelease(tx: Transaction, release: Release, now: number): Promise<Allowed> {
  return judgeReleases(tx, { ...release, sessions: [release] }, now)
}

/**
 * As {@link judgeRelease} for several sessions of a key: what the first spends, the next finds spent. All or none.
 *
 * @throws {WireError} `POLICY_DENIED`, details naming the session and the rule
 */
export async function judgeReleases(
  tx: Transaction,
  release: Pick<Release, 'keyId' | 'mark'> & { readonly sessions: readonly Judged[] },
  now: number,
): Promise<Allowed> {
  const { keyId, mark, sessions } = release
  const record = (await tx.get(policyAt(keyId)))?.data
  const version = record?.version ?? 0
  if (version < mark) throw new WireError('POLICY_DENIED', 'the policy was lost; set it again')
  const policies = policiesInForce(record, now)
  if (policies.length === 0) return { version, charge: () => {} }

  const read = async (one: Judged) => ({
    ...one,
    charges: chargesOf(policies, one.claim),
    charged: (await tx.get(releaseAt(keyId, one.sessionId))) !== undefined,
  })
  const asked = await Promise.all(sessions.map(read))
  const ledger = await readLedger(
    tx,
    keyId,
    asked.flatMap(({ charges }) => charges),
  )
  const spent = (asset: AssetName, seconds: number) => ledger.spent(asset, seconds, now)
  for (const { claim, name, factor, charges, charged } of asked) {
    for (const policy of policies) {
      const lacks = factor === undefined && asksSecondFactor(policy, claim)
      const rule = refusingRule(policy, claim, { now, spent, charged })
      if (rule !== undefined) throw denied(rule, name) // check S19
      if (lacks) throw new WireError('TWO_FACTOR_REQUIRED', name) // check S19
    }
    if (!charged) for (const one of charges) ledger.add(one, one.amount)
  }
  const write = () => {
    for (const { sessionId, charged } of asked) {
      if (!charged) tx.create(releaseAt(keyId, sessionId), { at: now }, { expireAt: now + RELEASE_MS })
    }
    ledger.write(tx, now)
  }
  return { version, charge: write }
}

/** A session as the policy sees it. */
export function judgedOf({ sessionId, payload, proven }: SessionRecord): Judged {
  return { sessionId, claim: claimOf(payload), ...(proven && { factor: 'proven' }) }
}

/** Refuses early what would be refused at the release; reserves nothing. @throws {WireError} as {@link judgeRelease} */
export async function requireAllowed(
  stores: Pick<Stores, 'parties' | 'presignatures' | 'now'>,
  asked: Omit<Release, 'mark'>,
): Promise<void> {
  const mark = await policyMark(stores, asked.keyId)
  await stores.presignatures.transaction(async (tx) => void (await judgeRelease(tx, { ...asked, mark }, stores.now())))
}

/**
 * Judges and counts what a dialogue is about to sign: before its signature is stored, and so before the device has it.
 *
 * @throws {WireError} as {@link judgeRelease}
 */
export async function releaseSession(
  stores: Pick<Stores, 'parties' | 'presignatures' | 'now'>,
  session: SessionRecord,
): Promise<void> {
  const { keyId, sessionId, owner } = session
  const mark = await policyMark(stores, keyId)
  await stores.presignatures.transaction(async (tx) => {
    const tail = await readAudit(tx, keyId)
    const now = stores.now()
    const { version, charge } = await judgeRelease(tx, { keyId, mark, ...judgedOf(session) }, now)
    charge()
    appendAudit(tx, tail, now, { method: 'sign.release', owner, metadata: { sessionId, policy: version } })
  })
}

function denied(rule: string, name: string | undefined): WireError {
  return new WireError('POLICY_DENIED', name === undefined ? rule : `${name}: ${rule}`)
}
