import type { Caller } from '@tandem/service'
import { type PasskeyAssertion, type TwoFactorCode, WireError } from '@tandem/wire'
import { type Changed, type Enrolment, type Factors, isEnabled, type Passkey } from '../ports/factors.ts'
import type { Secrets } from '../ports/secrets.ts'

export type RequireTwoFactorDeps = {
  readonly factors: Pick<Factors, 'read' | 'change' | 'takeChallenge'>
  readonly secrets: Pick<Secrets, 'open' | 'tag'>
  /** charges an attempt, then compares; see ports/lockout.ts */
  readonly compare: (user: string, isRight: () => Promise<boolean>) => Promise<void>
  readonly stepOfCode: (
    secret: Uint8Array,
    code: string,
    lastStep: number,
    nowMs: number,
  ) => Promise<number | undefined>
  readonly counterAfter: (
    challenge: string,
    passkey: Passkey,
    assertion: PasskeyAssertion,
  ) => Promise<number | undefined>
  /** ms since 1970 */
  readonly now: () => number
}

/** Proves the second factor of a caller, and uses the proof up. */
export type RequireTwoFactor = (caller: Pick<Caller, 'sub'>, code: TwoFactorCode | undefined) => Promise<void>

/** Where a user's TOTP secret is sealed for. */
export const totpPlace = (owner: string) => ({ purpose: 'totp secret', owner })
/** Where a user's recovery codes are recognised. */
export const recoveryPlace = (owner: string) => ({ purpose: 'recovery code', owner })

/**
 * Spec: docs/spec/two-factor.md. Ask for it at the commit, after whatever answers a repetition: a proof works once.
 *
 * @returns a function that throws {WireError} `TWO_FACTOR_REQUIRED` without a code or without an enrolment,
 *          `TWO_FACTOR_INVALID` for a code that is wrong or used, `RATE_LIMITED` after too many of those
 */
export function requireTwoFactor(deps: RequireTwoFactorDeps): RequireTwoFactor {
  return async ({ sub }, code) => {
    if (!isEnabled(await deps.factors.read(sub)))
      throw new WireError('TWO_FACTOR_REQUIRED', 'enrol a second factor first')
    if (code === undefined) throw new WireError('TWO_FACTOR_REQUIRED')
    await deps.compare(sub, () => accept(deps, sub, code))
  }
}

async function accept(deps: RequireTwoFactorDeps, owner: string, code: TwoFactorCode): Promise<boolean> {
  if (typeof code === 'object') {
    const challenge = await deps.factors.takeChallenge(owner, 'assert')
    if (challenge === undefined) return false
    return deps.factors.change(owner, (enrolment) => usePasskey(deps, challenge.challenge, enrolment, code))
  }
  const use = code.includes('-') ? useRecoveryCode : useTotp
  return deps.factors.change(owner, (enrolment) => use(deps, owner, enrolment, code))
}

async function useTotp(
  deps: RequireTwoFactorDeps,
  owner: string,
  enrolment: Enrolment,
  code: string,
): Promise<Changed<boolean>> {
  const { totp } = enrolment
  if (totp === null) return { enrolment, result: false }
  const secret = deps.secrets.open(totpPlace(owner), totp.sealed)
  const step = await deps.stepOfCode(secret, code, totp.lastStep, deps.now())
  if (step === undefined) return { enrolment, result: false }
  return { enrolment: { ...enrolment, totp: { ...totp, lastStep: step } }, result: true }
}

async function useRecoveryCode(
  { secrets }: RequireTwoFactorDeps,
  owner: string,
  enrolment: Enrolment,
  code: string,
): Promise<Changed<boolean>> {
  const tag = secrets.tag(recoveryPlace(owner), code)
  const recovery = enrolment.recovery.filter((one) => one !== tag)
  if (recovery.length === enrolment.recovery.length) return { enrolment, result: false }
  const event = { method: 'second-factor.recovery-code' as const, metadata: { left: recovery.length } }
  return { enrolment: { ...enrolment, recovery }, result: true, event }
}

async function usePasskey(
  deps: RequireTwoFactorDeps,
  challenge: string,
  enrolment: Enrolment,
  assertion: PasskeyAssertion,
): Promise<Changed<boolean>> {
  const used = enrolment.passkeys.find(({ id }) => id === assertion.id)
  const counter = used === undefined ? undefined : await deps.counterAfter(challenge, used, assertion)
  if (counter === undefined) return { enrolment, result: false }
  const passkeys = enrolment.passkeys.map((passkey) => (passkey === used ? { ...passkey, counter } : passkey))
  return { enrolment: { ...enrolment, passkeys }, result: true }
}
