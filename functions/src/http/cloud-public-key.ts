import type { CloudPublicKeyResponse } from '@tandem/wire'

export type CloudPublicKeyDeps = {
  readonly readIdentity: () => Promise<CloudPublicKeyResponse>
}

/** GET /api/v1/mpc/cloud-public-key: Sigpair's keys. An app trusts the ones it was built with and uses this to notice others. */
export const cloudPublicKey = (deps: CloudPublicKeyDeps) => (): Promise<CloudPublicKeyResponse> => deps.readIdentity()
