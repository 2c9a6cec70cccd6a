import { randomBytes } from 'node:crypto'
import { type EnrolResponse, type Intent, type RecoveryCodesResponse, toHex } from '@tandem/wire'
import { URI } from 'otpauth'
import type { Reply } from './backend.ts'
import type { Wallet, World } from './world.ts'

/** An owner with a wallet and ten proofs of his second factor. */
export type Owner = Wallet & {
  /** another one at each call, ten times */
  readonly code: () => string
}

export async function startOwner(world: World, user: string): Promise<Owner> {
  const { body } = await world.call<EnrolResponse>(user, 'POST', '/api/v1/2fa/enrol', {})
  if (body.error !== undefined) throw new Error(`${body.error}: ${body.details}`)
  const totp = URI.parse(body.otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const confirm = await world.call<RecoveryCodesResponse>(user, 'POST', '/api/v1/2fa/confirm', {
    code: totp.generate(),
  })
  const codes = [...confirm.body.recoveryCodes]
  const wallet = await world.createWallet(user)
  return { ...wallet, code: () => codes.pop() ?? 'no code is left' }
}

export const random = (bytes: number) => toHex(randomBytes(bytes))

/** What the backend passes on unread, in the documented form. */
export function intentOf({ key }: Wallet, op: Intent['op']): Intent {
  const rest = { bodyHash: random(32), nonce: random(16), expiry: 2_000_000_000, signature: random(64) }
  return { op, keyId: key.keyId, epoch: 0, ...rest }
}

export const RECOVERY_KEY = `0x02${'33'.repeat(32)}`

/** One request that changes what happens to a key. */
export type Asked = { readonly method: string; readonly path: string; readonly body: object }

/** Those that a second factor guards, each anew with every call. `as`: what the key holder notes. */
export const GUARDED = [
  {
    as: 'rotate',
    status: 200,
    ask: (wallet: Wallet): Asked => {
      const backups = { sigpair: 'waived', device: 'stored' }
      const body = { profileId: wallet.profileId, stageId: stageOf(wallet), backups }
      return { method: 'POST', path: '/api/v1/mpc/rotate-key', body: { ...body, intent: intentOf(wallet, 'rotate') } }
    },
  },
  {
    as: 'backup',
    status: 200,
    ask: (wallet: Wallet): Asked => {
      const body = { profileId: wallet.profileId, encryptionKey: RECOVERY_KEY, intent: intentOf(wallet, 'backup') }
      return { method: 'POST', path: '/api/v1/mpc/backup', body }
    },
  },
  {
    as: 'recovery-key',
    status: 200,
    ask: (wallet: Wallet): Asked => {
      const body = { encryptionKey: RECOVERY_KEY, intent: intentOf(wallet, 'recovery-key') }
      return { method: 'PUT', path: `/api/v1/profiles/${wallet.profileId}/recovery-key`, body }
    },
  },
  {
    as: 'export',
    status: 202,
    ask: (wallet: Wallet): Asked => {
      const body = { profileId: wallet.profileId, encryptionKey: random(32), intent: intentOf(wallet, 'export') }
      return { method: 'POST', path: '/api/v1/mpc/export', body }
    },
  },
  {
    as: 'restore',
    status: 202,
    ask: (wallet: Wallet): Asked => {
      const deviceKey = { identity: random(32), exchange: random(32), certificate: random(64) }
      const body = { profileId: wallet.profileId, reason: 'device-lost', deviceKey, proof: random(65) }
      return { method: 'POST', path: '/api/v1/mpc/restore', body: { ...body, intent: intentOf(wallet, 'restore') } }
    },
  },
  {
    as: 'delete',
    status: 200,
    ask: (wallet: Wallet): Asked => {
      return {
        method: 'DELETE',
        path: `/api/v1/profiles/${wallet.profileId}`,
        body: { intent: intentOf(wallet, 'delete') },
      }
    },
  },
] as const

/** A stage that waits for its commit. */
export function stageOf({ key }: Wallet): string {
  const stageId = random(32)
  key.stages.set(stageId, 'staged')
  return stageId
}

export async function send<T = object>(
  world: Pick<World, 'call'>,
  user: string,
  { method, path, body }: Asked,
  more: object = {},
  headers: object = {},
): Promise<Reply<T>> {
  return world.call<T>(user, method, path, { ...body, ...more }, headers)
}
