import type { HttpAnswer, ServiceCall, ServiceClaims } from '@tandem/service'
import { WireError } from '@tandem/wire'

/** One call of the backend, as it arrived. */
export type BackendCall = ServiceCall & {
  readonly body: Uint8Array<ArrayBuffer>
  /** the backend's service token for exactly this call */
  readonly token: string
}

/** What forwarding may do to the world, whatever the transport was. */
export type ForwardDeps = {
  /** @throws {WireError} `UNAUTHENTICATED` */
  readonly verifyToken: (call: BackendCall) => Promise<ServiceClaims>
  /** whether this was the token's first use */
  readonly spendToken: (claims: ServiceClaims) => Promise<boolean>
  /** @throws {WireError} a listed error: Sigpair's own, or `DUO_NODE_UNAVAILABLE` */
  readonly askSigpair: (call: BackendCall, onBehalfOf: string) => Promise<HttpAnswer>
}

/**
 * Passes one call of the backend on to Sigpair, byte for byte, once. Sigpair verifies the backend's token again by itself:
 * nothing here can make a call the backend did not make. Spec: docs/spec/flows.md, 1.2.
 */
export const forward =
  (deps: ForwardDeps) =>
  async (call: BackendCall): Promise<HttpAnswer> => {
    const claims = await deps.verifyToken(call)
    if (!(await deps.spendToken(claims))) {
      throw new WireError('UNAUTHENTICATED', undefined, { cause: new Error('the token was used before') })
    }
    return deps.askSigpair(call, claims.sub)
  }
