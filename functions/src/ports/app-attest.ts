import type { AppAttestRules } from '../app-attest/attestation.ts'
import { sha256 } from '../app-attest/authenticator-data.ts'
import type { VerifyAppAttest } from '../http/attest-device.ts'

/** App Attest under the operator's rules. What reads certificates and CBOR is loaded by the first request that needs it. */
export function appAttest(rules: AppAttestRules): VerifyAppAttest {
  return {
    attestation: async ({ clientData, ...given }, at) => {
      const { verifyAttestation } = await import('../app-attest/attestation.ts')
      return verifyAttestation(rules, { ...given, clientDataHash: sha256(clientData) }, at)
    },
    assertion: async () => {
      const { verifyAssertion } = await import('../app-attest/assertion.ts')
      return verifyAssertion
    },
  }
}
