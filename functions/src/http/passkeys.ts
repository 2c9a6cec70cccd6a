import type { Caller } from '@tandem/service'
import {
  type AddPasskeyRequest,
  type AddPasskeyResponse,
  type BeginEnrolmentRequest,
  type PasskeyCreationOptions,
  type PasskeyRegistration,
  type PasskeyRequestOptions,
  WireError,
} from '@tandem/wire'
import { isEnabled, type Passkey } from '../ports/factors.ts'
import { checkStillFree, draw, permitEnrolment, type TwoFactorDeps } from './two-factor.ts'

type Common = 'factors' | 'secrets' | 'requireTwoFactor' | 'hasKey' | 'attest' | 'now'

export type PasskeyDeps = Pick<TwoFactorDeps, Common> & {
  readonly creationOptions: (caller: Caller, known: readonly Passkey[]) => Promise<PasskeyCreationOptions>
  readonly requestOptions: (known: readonly Passkey[]) => Promise<PasskeyRequestOptions>
  readonly registeredPasskey: (
    challenge: string,
    registration: PasskeyRegistration,
  ) => Promise<Pick<Passkey, 'id' | 'publicKey' | 'counter' | 'transports'> | undefined>
}

/** A phone, a laptop, a key on the ring, and one in a drawer; more would be a mistake. */
const MAX_PASSKEYS = 10

/** POST /api/v1/2fa/passkeys/registration-options */
export const beginPasskey =
  (deps: PasskeyDeps) =>
  async (caller: Caller, request: BeginEnrolmentRequest): Promise<PasskeyCreationOptions> => {
    const proved = await permitEnrolment(deps, caller, 'passkey', request)
    const { passkeys } = await deps.factors.read(caller.sub)
    const options = await deps.creationOptions(caller, passkeys)
    await deps.factors.putChallenge(caller.sub, 'register', { challenge: options.challenge, proved })
    return options
  }

/** POST /api/v1/2fa/passkeys: the first second factor comes with recovery codes. */
export const addPasskey =
  (deps: PasskeyDeps) =>
  async ({ sub }: Caller, { name, passkey }: AddPasskeyRequest): Promise<AddPasskeyResponse> => {
    const begun = await deps.factors.takeChallenge(sub, 'register')
    if (begun === undefined)
      throw new WireError('VALIDATION_FAILED', 'passkey: no registration was begun, or not lately')
    const registered = await deps.registeredPasskey(begun.challenge, passkey)
    if (registered === undefined) throw new WireError('TWO_FACTOR_INVALID')

    const { recoveryCodes, tags } = draw(deps, sub)
    const guarded = await deps.hasKey(sub)
    const added = { ...registered, name, createdAt: deps.now() }
    return deps.factors.change<AddPasskeyResponse>(sub, (enrolment) => {
      const enabled = isEnabled(enrolment)
      if (!begun.proved) checkStillFree(enrolment, guarded)
      if (enrolment.passkeys.length >= MAX_PASSKEYS) throw new WireError('VALIDATION_FAILED', 'passkey: too many')
      if (enrolment.passkeys.some(({ id }) => id === added.id))
        throw new WireError('VALIDATION_FAILED', 'passkey: known already')
      const passkeys = [...enrolment.passkeys, added]
      const event = { method: 'second-factor.add-passkey' as const, metadata: { passkeys: passkeys.length } }
      if (enabled) return { enrolment: { ...enrolment, passkeys }, result: { id: added.id }, event }
      return { enrolment: { ...enrolment, passkeys, recovery: tags }, result: { id: added.id, recoveryCodes }, event }
    })
  }

/** POST /api/v1/2fa/passkeys/assertion-options: the answer to it is a `twoFactorCode`, once, within five minutes. */
export const challengePasskey =
  (deps: PasskeyDeps) =>
  async ({ sub }: Caller): Promise<PasskeyRequestOptions> => {
    const { passkeys } = await deps.factors.read(sub)
    if (passkeys.length === 0) throw new WireError('NOT_FOUND')
    const options = await deps.requestOptions(passkeys)
    await deps.factors.putChallenge(sub, 'assert', { challenge: options.challenge, proved: true })
    return options
  }
