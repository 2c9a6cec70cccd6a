import { type DrillResponse, fromHex, toHex } from '@tandem/wire'
import { keyInForce } from './amend.ts'
import { writeAudit } from '../audit/audit.ts'
import type { ShareTasks } from '../compute/share-tasks.ts'
import { openShare } from './epoch-key.ts'
import { placesOf } from '../parties.ts'
import type { Stores } from '../stores.ts'

/**
 * Proves that Sigpair's share opens and is the one its public share names, over the device's challenge. The proof says
 * nothing of the share, and is worth nothing elsewhere: its label is the drill's.
 *
 * @throws {WireError} as `keyInForce`, `INVALID_KEY_SHARE` if the share does not open
 *
 * Source: docs/spec/flows.md 10.3.
 */
export async function drill(
  stores: Stores,
  { tasks }: { readonly tasks: Pick<ShareTasks, 'proveShare'> },
  { keyId, owner, challenge }: { readonly keyId: string; readonly owner: string; readonly challenge: string },
): Promise<DrillResponse> {
  const { key, current } = await keyInForce(stores, keyId, owner)
  const { epoch, publicShares } = current
  const share = await openShare(stores, key.keyId, current)
  const proof = await tasks.proveShare({ share, why: { purpose: 'drill', challenge: fromHex(challenge) } })
  await writeAudit(stores, key.keyId, { method: 'key.drill', owner, metadata: { epoch } })
  return {
    epoch,
    publicShare: toHex(publicShares[placesOf(current).self - 1] ?? new Uint8Array()),
    proof: toHex(proof),
  }
}
