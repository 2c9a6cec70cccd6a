import { WireError } from '@tandem/wire'
import type { BackendCall, ForwardDeps } from './forward.ts'

/** What the backend asks of duo-node itself, in no user's name; the token is spent. @throws {WireError} */
export function systemCaller({ verifyToken, spendToken }: Pick<ForwardDeps, 'verifyToken' | 'spendToken'>) {
  return async (call: BackendCall): Promise<void> => {
    const claims = await verifyToken(call)
    if (claims.sub !== 'system') throw new WireError('FORBIDDEN')
    if (!(await spendToken(claims))) {
      throw new WireError('UNAUTHENTICATED', undefined, { cause: new Error('the token was used before') })
    }
  }
}
