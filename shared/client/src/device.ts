import type { Backend } from '@tandem/ecdsa'
import type { Api } from './api.ts'
import { type Legs, type LegsRequest, openLegs } from './dialogue/legs.ts'
import { createIdentity, type DeviceIdentity, openIdentity } from './identity.ts'
import { checkPin, type Pin, type PinnedKeys, type TRUST_ON_FIRST_USE } from './pin.ts'
import type { Platform } from './platform.ts'
import type { OnProgress } from './dialogue/run-host.ts'
import { createStanding, type Standing } from './standing.ts'
import type { Hello, TicketRequest } from '@tandem/wire'
import type { Vault } from './vault/vault.ts'

/** Everything the operations of this device share. */
export type Device = {
  readonly platform: Platform
  readonly backend: Backend
  readonly vault: Vault
  readonly api: Api
  readonly onProgress: OnProgress
  /** created on first use, then the same for ever */
  readonly identity: () => Promise<DeviceIdentity>
  /** checked against the pin, once per session */
  readonly sigpairKeys: () => Promise<PinnedKeys>
  /** one operation at a time per wallet: journal entries of one key are read, changed and written */
  readonly exclusively: <T>(keyId: string, act: () => Promise<T>) => Promise<T>
  /** key ids whose next epoch is being made here and now: their stage is nobody else's to settle */
  readonly renewing: Set<string>
  /** of the members of a committee; of no interest in a pair */
  readonly standing: Standing
}

export type DeviceOptions = Pick<Device, 'platform' | 'backend' | 'vault' | 'api' | 'onProgress'> & {
  readonly baseUrl: string
  readonly pin: Pin | typeof TRUST_ON_FIRST_USE
}

const IDENTITY = 'identity'

export function createDevice(options: DeviceOptions): Device {
  const { platform, vault, api, baseUrl, pin } = options
  const turns = new Map<string, Promise<unknown>>()
  return {
    ...options,
    renewing: new Set(),
    standing: createStanding(platform.now),
    identity: once(async () =>
      openIdentity(await loadOrCreate(vault, IDENTITY, () => createIdentity(platform.random))),
    ),
    sigpairKeys: once(async () => checkPin(pin, await api.cloudPublicKey(), baseUrl)),
    exclusively: async (keyId, act) => {
      const turn = (turns.get(keyId) ?? Promise.resolve()).then(act, act)
      turns.set(keyId, turn)
      return turn.finally(() => {
        if (turns.get(keyId) === turn) turns.delete(keyId)
      })
    },
  }
}

/**
 * Asks for a ticket and opens the dialogue it is for, beside a committee one with each member that takes part.
 *
 * @param choose as {@link LegsRequest}
 */
export async function startDialogue(
  device: Device,
  ask: TicketRequest,
  hello: Hello,
  choose?: LegsRequest['choose'],
): Promise<{ legs: Legs; keyId: string }> {
  const [identity, keys] = [await device.identity(), await device.sigpairKeys()]
  device.onProgress({ step: 'ticket' })
  const { ticket, keyId, sigpairUrl } = await device.api.ticket(ask)
  return { legs: await openLegs(device.platform, { sigpairUrl, keys, device: identity, ticket, hello, choose }), keyId }
}

async function loadOrCreate(vault: Vault, name: string, create: () => Uint8Array): Promise<Uint8Array> {
  const known = await vault.get(name)
  if (known !== undefined) return known
  const fresh = create()
  await vault.put(name, fresh)
  return fresh
}

/** The first success, remembered; a failure is forgotten, so that the next call tries again. */
function once<T>(act: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return async () => {
    result ??= act().catch((error: unknown) => {
      result = undefined
      throw error
    })
    return result
  }
}
