import { createHash } from 'node:crypto'
import { ref, type Store } from '@tandem/store'
import { userTag } from './profiles.ts'
import { takeOnce } from './take-once.ts'
import { appendUserAudit, readUserAudit, type UserEvent } from './user-audit.ts'

/** The two public keys of a device, 0x-hex in any case. */
export type DeviceName = { readonly identity: string; readonly exchange: string }

/** A device that an app attested has spoken for: public data only. */
export type AttestedDevice = {
  /** of App Attest, base64 */
  readonly keyId: string
  /** P-256, uncompressed */
  readonly publicKey: Uint8Array
  /** `teamId.bundleId` */
  readonly appId: string
  /** of the last assertion: one with a counter that is not above it is a copy */
  readonly counter: number
  /** ms since 1970 */
  readonly until: number
}

/** Of one user's device. */
export type AttestedDevices = {
  readonly find: (owner: string, device: DeviceName) => Promise<AttestedDevice | undefined>
  /** One transaction: `next` may run more than once, and what it throws changes nothing. */
  readonly change: (
    owner: string,
    device: DeviceName,
    event: UserEvent['method'],
    next: (known: AttestedDevice | undefined) => AttestedDevice,
  ) => Promise<AttestedDevice>
  /** In place of an earlier one that was not answered. */
  readonly putChallenge: (owner: string, device: DeviceName, challenge: Uint8Array) => Promise<void>
  /** Once; undefined when there is none, or no longer. */
  readonly takeChallenge: (owner: string, device: DeviceName) => Promise<Uint8Array | undefined>
}

/** Apple's servers may be asked meanwhile. */
export const CHALLENGE_MS = 5 * 60_000

/** @param now ms since 1970 */
export function attestedDevices(store: Store, now: () => number): AttestedDevices {
  const at = (owner: string, device: DeviceName) => ref<AttestedDevice>('attested-devices', idOf(owner, device))
  const challengeAt = (owner: string, device: DeviceName) =>
    ref<{ readonly challenge: Uint8Array }>('app-attest-challenges', idOf(owner, device))
  return {
    find: async (owner, device) => (await store.get(at(owner, device)))?.data,
    change: (owner, device, method, next) =>
      store.transaction(async (tx) => {
        const doc = await tx.get(at(owner, device))
        const tail = await readUserAudit(tx, owner)
        const changed = next(doc?.data)
        if (doc === undefined) tx.create(at(owner, device), changed)
        else tx.update(at(owner, device), changed)
        appendUserAudit(tx, tail, now(), { method, metadata: { device: `0x${fingerprint(device).toString('hex')}` } })
        return changed
      }),
    putChallenge: (owner, device, challenge) =>
      store.transaction(async (tx) => {
        const found = await tx.get(challengeAt(owner, device))
        const write = { expireAt: now() + CHALLENGE_MS }
        if (found === undefined) tx.create(challengeAt(owner, device), { challenge }, write)
        else tx.update(challengeAt(owner, device), { challenge }, write)
      }),
    takeChallenge: async (owner, device) => (await takeOnce(store, challengeAt(owner, device)))?.challenge,
  }
}

const idOf = (owner: string, device: DeviceName) => `${userTag(owner)}:${fingerprint(device).toString('base64url')}`

function fingerprint({ identity, exchange }: DeviceName): Buffer {
  return createHash('sha256').update(`${identity}${exchange}`.toLowerCase()).digest()
}
