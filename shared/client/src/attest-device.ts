import { sha256 } from '@noble/hashes/sha2.js'
import { appAttestClientData, type AttestedDeviceResponse, fromBase64url, toBase64url } from '@tandem/wire'
import type { Device } from './device.ts'
import { deviceKeyOf } from './identity.ts'

/** What an iPhone's system says of this app: `DCAppAttestService`. Source: docs/spec/app-attest.md. */
export type AppAttestProvider = {
  /** of a key made once per installation, base64 */
  readonly keyId: string
  /** `attestKey`: Apple's word for the key, which it gives once */
  readonly attest: (clientDataHash: Uint8Array) => Promise<Uint8Array>
  /** `generateAssertion`: the key's own word from then on */
  readonly assert: (clientDataHash: Uint8Array) => Promise<Uint8Array>
}

/** Has the app speak for this device's key: by attestation the first time, by assertion afterwards. */
export async function attestDevice(device: Device, provider: AppAttestProvider): Promise<AttestedDeviceResponse> {
  const { identity, exchange } = deviceKeyOf(await device.identity())
  const deviceKey = { identity, exchange }
  const { challenge, keyId } = await device.api.appAttestChallenge({ deviceKey })
  const clientDataHash = sha256(appAttestClientData(fromBase64url(challenge), deviceKey))
  if (keyId === provider.keyId) {
    const assertion = toBase64url(await provider.assert(clientDataHash))
    return device.api.assertDevice({ deviceKey, assertion })
  }
  const attestation = toBase64url(await provider.attest(clientDataHash))
  return device.api.attestDevice({ deviceKey, keyId: provider.keyId, attestation })
}
