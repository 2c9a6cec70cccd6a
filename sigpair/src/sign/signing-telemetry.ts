import { ProtocolAbort } from '@tandem/rounds'
import { count } from '@tandem/service'
import type { CompleteSignature } from './sign-session.ts'

/** Counts what the online step uses up and what comes of it. */
export function countSignatures(complete: CompleteSignature): CompleteSignature {
  return async (job) => {
    count('tandem.presignatures', { 'tandem.stock': 'taken' })
    try {
      const signature = await complete(job)
      count('tandem.signatures', { 'tandem.signing': 'presigned' })
      return signature
    } catch (error) {
      if (error instanceof ProtocolAbort) {
        count('tandem.aborts', { 'tandem.abort': error.code, 'tandem.verdict': error.verdict })
      }
      throw error
    }
  }
}
