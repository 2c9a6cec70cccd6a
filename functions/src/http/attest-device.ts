import type { Caller } from '@tandem/service'
import {
  type AppAttestChallengeRequest,
  type AppAttestChallengeResponse,
  type AssertDeviceRequest,
  type AttestDeviceRequest,
  type AttestedDeviceResponse,
  appAttestClientData,
  fromBase64url,
  toBase64url,
  WireError,
} from '@tandem/wire'
import type { AttestedKey } from '../app-attest/attestation.ts'
import { type AttestedDevice, type AttestedDevices, CHALLENGE_MS, type DeviceName } from '../ports/attested-devices.ts'

export type AttestDeviceDeps = {
  /** undefined: nobody has said of which app attestations are taken */
  readonly verify: VerifyAppAttest | undefined
  readonly devices: AttestedDevices
  /** `n` unpredictable bytes */
  readonly random: (n: number) => Uint8Array
  /** ms since 1970 */
  readonly now: () => number
}

/** Each throws {WireError} `VALIDATION_FAILED` or `FORBIDDEN`, naming what was not shown. */
export type VerifyAppAttest = {
  readonly attestation: (
    given: { readonly attestation: Uint8Array; readonly keyId: Uint8Array; readonly clientData: Uint8Array },
    at: Date,
  ) => Promise<AttestedKey>
  /** @returns what judges without waiting, so that a transaction can */
  readonly assertion: () => Promise<
    (known: AttestedDevice, given: { readonly assertion: Uint8Array; readonly clientData: Uint8Array }) => number
  >
}

/** Then an assertion is asked for: a phone that an app was deleted from proves nothing for ever. */
const ATTESTED_MS = 30 * 86_400_000

/** POST /api/v1/app-attest/challenges */
export const challengeDevice =
  (deps: AttestDeviceDeps) =>
  async ({ sub }: Caller, { deviceKey }: AppAttestChallengeRequest): Promise<AppAttestChallengeResponse> => {
    configured(deps)
    const challenge = deps.random(32)
    const known = await deps.devices.find(sub, deviceKey)
    await deps.devices.putChallenge(sub, deviceKey, challenge)
    const expiresAt = Math.floor((deps.now() + CHALLENGE_MS) / 1000)
    return { challenge: toBase64url(challenge), expiresAt, keyId: known?.keyId ?? null }
  }

/** POST /api/v1/app-attest/attestations: from now on this key of App Attest speaks for the device, in place of another. */
export const attestDevice =
  (deps: AttestDeviceDeps) =>
  async ({ sub }: Caller, request: AttestDeviceRequest): Promise<AttestedDeviceResponse> => {
    const { deviceKey, keyId } = request
    const verify = configured(deps)
    const clientData = await answered(deps, sub, deviceKey)
    const at = deps.now()
    const attestation = fromBase64url(request.attestation)
    const given = { attestation, keyId: Uint8Array.from(Buffer.from(keyId, 'base64')), clientData }
    const { publicKey, appId } = await verify.attestation(given, new Date(at))
    const attested = { keyId, publicKey: Uint8Array.from(publicKey), appId, counter: 0, until: at + ATTESTED_MS }
    return viewOf(await deps.devices.change(sub, deviceKey, 'device.attest', () => attested))
  }

/** POST /api/v1/app-attest/assertions: the app that was attested is still there. */
export const assertDevice =
  (deps: AttestDeviceDeps) =>
  async ({ sub }: Caller, { deviceKey, assertion }: AssertDeviceRequest): Promise<AttestedDeviceResponse> => {
    const judge = await configured(deps).assertion()
    const clientData = await answered(deps, sub, deviceKey)
    const given = { assertion: fromBase64url(assertion), clientData }
    const changed = await deps.devices.change(sub, deviceKey, 'device.assert', (known) => {
      if (known === undefined) throw new WireError('FORBIDDEN', 'app attest: a key that was attested for this device')
      return { ...known, counter: judge(known, given), until: deps.now() + ATTESTED_MS }
    })
    return viewOf(changed)
  }

/** Whether an app attested speaks for this device. @throws {WireError} `FORBIDDEN` */
export type RequireAttested = (owner: string, device: DeviceName) => Promise<void>

export const requireAttested =
  ({ devices, now, required }: Pick<AttestDeviceDeps, 'devices' | 'now'> & { readonly required: boolean }) =>
  async (owner: string, device: DeviceName): Promise<void> => {
    if (!required) return
    const known = await devices.find(owner, device)
    if (known === undefined || known.until <= now()) throw new WireError('FORBIDDEN', 'device not attested')
  }

function configured({ verify }: AttestDeviceDeps): VerifyAppAttest {
  if (verify === undefined) throw new WireError('NOT_FOUND')
  return verify
}

/** The challenge is used up before it is looked at what answers it. */
async function answered({ devices }: AttestDeviceDeps, owner: string, device: DeviceName): Promise<Uint8Array> {
  const challenge = await devices.takeChallenge(owner, device)
  if (challenge === undefined) throw new WireError('VALIDATION_FAILED', 'no challenge was asked for, or not lately')
  return appAttestClientData(challenge, device)
}

function viewOf({ keyId, until }: AttestedDevice): AttestedDeviceResponse {
  return { keyId, attestedUntil: Math.floor(until / 1000) }
}
