import { keyId, sessionId } from '@tandem/rounds'
import { fromHex, toHex, WireError } from '@tandem/wire'
import { beginKeygen, failKeygen } from '../keys/key-store.ts'
import { poison } from '../keys/pair-store.ts'
import { completeStage } from '../keys/stage-store.ts'
import { stageIdIn } from '../member/member.ts'
import type { Open, OperationDeps } from './operation.ts'
import { blamedFor, isDecided, recordStage } from './staging.ts'

/**
 * A new key: PENDING from here on, staged before our acknowledgement leaves, complete when the rehearsal held and the
 * device has stored its share. The commit is another call's.
 *
 * Source: docs/spec/flows.md, section 3; gateway.md 3.3.
 */
export const openKeygen: Open = async (deps, { ticket, hello }) => {
  const { stores, identity, roundMs, member } = deps
  if (ticket.epoch !== 0) throw new WireError('TICKET_INVALID', 'a new key has epoch 0')
  const asked = { keyId: ticket.keyId, owner: ticket.sub, device: ticket.cnf }
  const draw = member ? () => stageIdIn(hello) : deps.rng
  const { keyId: id, stageId } = await beginKeygen(stores, draw, asked)
  const { record, pairOf } = recordStage(stores, id, stageId)

  return {
    answer: { stageId: toHex(stageId) },
    job: {
      op: 'keygen',
      keyId: keyId(fromHex(id)),
      identities: identitiesWith(deps, fromHex(ticket.cnf.identity)),
      identityKey: identity.identity.key,
      seat: member && { self: member.self, threshold: member.threshold },
      rehearsal: sessionId(stageId),
      roundMs,
    },
    record,
    finish: async (certificate) => {
      await completeStage(stores, { keyId: id, stageId, epoch: 0 }, certificate)
      return {}
    },
    aborted: async (abort) => {
      const staged = pairOf()
      if (abort.verdict === 'ban' && staged) for (const one of blamedFor(deps, abort)) await poison(stores, staged(one))
      if (isDecided(abort)) await failKeygen(stores, id)
    },
    end: () => {},
  }
}

/** Ed25519 of all parties, in index order. */
export function identitiesWith(
  { identity, member }: Pick<OperationDeps, 'identity' | 'member'>,
  device: Uint8Array,
): readonly Uint8Array[] {
  return member ? [...member.identities, device] : [device, identity.identity.publicKey]
}
