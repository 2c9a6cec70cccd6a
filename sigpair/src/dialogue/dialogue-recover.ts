import { WireError } from '@tandem/wire'
import { arithmetic } from '../compute/arithmetic.ts'
import { openNewEpoch } from './dialogue-refresh.ts'
import { openShare } from '../keys/epoch-key.ts'
import { requireProof, requireRestore } from '../keys/restore.ts'
import { refreshable } from '../keys/stage-begin.ts'
import type { Open } from './operation.ts'

/**
 * A refresh with the device of an open restore as party 1. Where Sigpair's own share is lost, the device sends what its owner
 * opened with the recovery key. What is staged only the restore's own commit puts in force.
 *
 * Source: docs/spec/flows.md 12.2 to 12.4.
 */
export const openRecover: Open = async (deps, { ticket, hello }) => {
  if (hello.op !== 'recover') throw new WireError('VALIDATION_FAILED', 'hello.op')
  const { keyId, epoch, sub: owner, cnf: device } = ticket
  const { stores } = deps
  const { key, current } = await refreshable(stores, { keyId, epoch, owner })
  const { reason, restoreId } = requireRestore(key, hello.restoreId, device, stores.now())
  requireProof(arithmetic().backend, { key, current }, device, hello.proof)
  const share = reason === 'server-lost' ? 'from the device' : await openShare(stores, key.keyId, current)
  return openNewEpoch(deps, { key, current, device, restoreId }, share, hello)
}
