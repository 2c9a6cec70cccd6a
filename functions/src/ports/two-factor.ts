import { createHash } from 'node:crypto'
import type { Store } from '@tandem/store'
import type { PasskeyDeps } from '../http/passkeys.ts'
import type { TwoFactorDeps } from '../http/two-factor.ts'
import type { RelyingParty } from '../two-factor/passkeys.ts'
import { requireTwoFactor } from '../two-factor/require.ts'
import { factors } from './factors.ts'
import { lockout } from './lockout.ts'
import type { Secrets } from './secrets.ts'

/** The second factors of all users, and how they are proved. */
export type TwoFactor = TwoFactorDeps & PasskeyDeps

/** Loaded by the first request that needs them. */
const totp = () => import('../two-factor/totp.ts')
const passkeys = () => import('../two-factor/passkeys.ts')

/** Authenticators show one line. */
const MAX_NAME = 64

export function twoFactor(
  store: Store,
  options: Pick<TwoFactorDeps, 'hasKey' | 'attest' | 'now'> & {
    readonly secrets: Secrets
    readonly relyingParty: RelyingParty
  },
): TwoFactor {
  const { secrets, relyingParty: rp, hasKey, attest, now } = options
  const common = {
    factors: factors(store, now),
    secrets,
    hasKey,
    attest,
    compare: lockout(store, now),
    stepOfCode: async (...code: Parameters<Awaited<ReturnType<typeof totp>>['stepOfCode']>) =>
      (await totp()).stepOfCode(...code),
    now,
  }
  return {
    ...common,
    requireTwoFactor: requireTwoFactor({
      ...common,
      counterAfter: async (...answer) => (await passkeys()).counterAfter(rp, ...answer),
    }),
    labelOf: async (secret, account) => (await totp()).totpLabel(secret, account),
    creationOptions: async ({ sub, subject }, known) => {
      const user = { tag: createHash('sha256').update(sub).digest(), name: subject.slice(0, MAX_NAME) }
      return (await passkeys()).creationOptions(rp, user, known)
    },
    requestOptions: async (known) => (await passkeys()).requestOptions(rp, known),
    registeredPasskey: async (...answer) => (await passkeys()).registeredPasskey(rp, ...answer),
  }
}
