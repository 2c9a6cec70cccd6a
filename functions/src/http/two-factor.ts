import { randomBytes } from 'node:crypto'
import type { Caller } from '@tandem/service'
import {
  type AttestRequest,
  type BeginEnrolmentRequest,
  type ConfirmEnrolmentRequest,
  type EnrolmentKind,
  type EnrolResponse,
  type RecoveryCodesResponse,
  type SecondFactorRequest,
  type SecondFactorResponse,
  WireError,
} from '@tandem/wire'
import { type Enrolment, type Factors, isEnabled } from '../ports/factors.ts'
import type { Secrets } from '../ports/secrets.ts'
import { newRecoveryCodes } from '../two-factor/recovery-codes.ts'
import { type RequireTwoFactorDeps, type RequireTwoFactor, recoveryPlace, totpPlace } from '../two-factor/require.ts'

export type TwoFactorDeps = Pick<RequireTwoFactorDeps, 'compare' | 'stepOfCode' | 'now'> & {
  readonly requireTwoFactor: RequireTwoFactor
  readonly factors: Factors
  readonly secrets: Secrets
  readonly labelOf: (secret: Uint8Array, account: string) => Promise<Omit<EnrolResponse, 'expiresAt'>>
  /** whether there is something to protect */
  readonly hasKey: (owner: string) => Promise<boolean>
  /** Sigpair's word that the key's device wants it. @throws {WireError} `FORBIDDEN`, `NOT_FOUND` */
  readonly attest: (caller: Caller, keyId: string, request: AttestRequest) => Promise<object>
}

/** As long as it takes to find the phone and install an app. */
const ENROLMENT_MS = 10 * 60_000

/** 160 bits, as RFC 4226 recommends. */
const SECRET_BYTES = 20

/** Authenticator apps show one line. */
const MAX_ACCOUNT = 64

/** GET /api/v1/2fa */
export const readSecondFactor =
  ({ factors }: TwoFactorDeps) =>
  async ({ sub }: Caller): Promise<SecondFactorResponse> =>
    viewOf(await factors.read(sub))

function viewOf(enrolment: Enrolment): SecondFactorResponse {
  const passkeys = enrolment.passkeys.map(({ id, name, createdAt }) => {
    return { id, name, createdAt: new Date(createdAt).toISOString() }
  })
  const recoveryCodesLeft = enrolment.recovery.length
  return { enabled: isEnabled(enrolment), totp: enrolment.totp !== null, passkeys, recoveryCodesLeft }
}

/** POST /api/v1/2fa/enrol: a TOTP secret, in force once a code of it came back. Until then the old one is. */
export const enrol =
  (deps: TwoFactorDeps) =>
  async (caller: Caller, request: BeginEnrolmentRequest): Promise<EnrolResponse> => {
    const { sub, subject } = caller
    const proved = await permitEnrolment(deps, caller, 'totp', request)
    const secret = Uint8Array.from(randomBytes(SECRET_BYTES))
    const until = deps.now() + ENROLMENT_MS
    const pending = { sealed: deps.secrets.seal(totpPlace(sub), secret), until, proved }
    await deps.factors.change(sub, (enrolment) => {
      return { enrolment: { ...enrolment, pending }, result: undefined, event: { method: 'second-factor.enrol' } }
    })
    const account = subject.slice(0, MAX_ACCOUNT).toWellFormed()
    return { ...(await deps.labelOf(secret, account)), expiresAt: Math.floor(until / 1000) }
  }

/**
 * Whoever has a second factor proves it. Whoever has none, and a key, shows that the key's device wants one: a sign-in alone
 * must not put a factor beside a key. Spec: docs/spec/two-factor.md, section 3.
 *
 * @returns whether something was proved; false while there is nothing to protect
 */
export async function permitEnrolment(
  deps: Pick<TwoFactorDeps, 'factors' | 'requireTwoFactor' | 'hasKey' | 'attest'>,
  caller: Caller,
  enrol: EnrolmentKind,
  { twoFactorCode, intent }: BeginEnrolmentRequest,
): Promise<boolean> {
  if (isEnabled(await deps.factors.read(caller.sub))) {
    await deps.requireTwoFactor(caller, twoFactorCode)
    return true
  }
  if (!(await deps.hasKey(caller.sub))) return false
  if (intent === undefined) throw new WireError('FORBIDDEN', 'intent: the first enrolment beside a key needs one')
  await deps.attest(caller, intent.keyId, { body: { enrol }, intent })
  return true
}

/** POST /api/v1/2fa/confirm: puts the secret in force and answers recovery codes, which replace all there were. */
export const confirmEnrolment =
  (deps: TwoFactorDeps) =>
  async ({ sub }: Caller, { code }: ConfirmEnrolmentRequest): Promise<RecoveryCodesResponse> => {
    const guarded = await deps.hasKey(sub)
    pendingOf(deps, await deps.factors.read(sub), guarded)
    const { recoveryCodes, tags } = draw(deps, sub)
    await deps.compare(sub, () =>
      deps.factors.change(sub, async (enrolment) => {
        const { sealed } = pendingOf(deps, enrolment, guarded)
        const step = await deps.stepOfCode(deps.secrets.open(totpPlace(sub), sealed), code, 0, deps.now())
        if (step === undefined) return { enrolment, result: false }
        const confirmed = { totp: { sealed, lastStep: step }, pending: null, recovery: tags }
        return { enrolment: { ...enrolment, ...confirmed }, result: true, event: { method: 'second-factor.confirm' } }
      }),
    )
    return { recoveryCodes }
  }

/** What was begun before there was a second factor, or a key, must not become one beside it. */
function pendingOf({ now }: TwoFactorDeps, enrolment: Enrolment, hasKey: boolean) {
  const { pending } = enrolment
  if (pending === null || pending.until <= now()) throw new WireError('VALIDATION_FAILED', 'nothing to confirm: enrol')
  if (!pending.proved) checkStillFree(enrolment, hasKey)
  return pending
}

/** @throws {WireError} when what was begun without a proof would need one now */
export function checkStillFree(enrolment: Enrolment, hasKey: boolean): void {
  if (isEnabled(enrolment)) throw new WireError('TWO_FACTOR_REQUIRED', 'begin again')
  if (hasKey) throw new WireError('FORBIDDEN', 'intent: there is a key by now; begin again with one')
}

/** POST /api/v1/2fa/recovery-codes: ten new ones in place of all there were. */
export const replaceRecoveryCodes =
  (deps: TwoFactorDeps) =>
  async (caller: Caller, { twoFactorCode }: SecondFactorRequest): Promise<RecoveryCodesResponse> => {
    await deps.requireTwoFactor(caller, twoFactorCode)
    const { recoveryCodes, tags } = draw(deps, caller.sub)
    await deps.factors.change(caller.sub, (enrolment) => {
      const event = { method: 'second-factor.recovery-codes' as const }
      return { enrolment: { ...enrolment, recovery: tags }, result: undefined, event }
    })
    return { recoveryCodes }
  }

/** POST /api/v1/2fa/disable: forgets TOTP, passkeys and recovery codes. */
export const disableSecondFactor =
  (deps: TwoFactorDeps) =>
  async (caller: Caller, { twoFactorCode }: SecondFactorRequest): Promise<SecondFactorResponse> => {
    await deps.requireTwoFactor(caller, twoFactorCode)
    await deps.factors.erase(caller.sub)
    return viewOf(await deps.factors.read(caller.sub))
  }

/** New recovery codes, and all that is kept of them. */
export function draw({ secrets }: Pick<TwoFactorDeps, 'secrets'>, owner: string) {
  const recoveryCodes = [...newRecoveryCodes()]
  return { recoveryCodes, tags: recoveryCodes.map((code) => secrets.tag(recoveryPlace(owner), code)) }
}
