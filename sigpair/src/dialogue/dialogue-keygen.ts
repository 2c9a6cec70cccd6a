import { keyId, sessionId } from '@tandem/rounds'
import { fromHex, toHex, WireError } from '@tandem/wire'
import { beginKeygen, failKeygen } from '../keys/key-store.ts'
import { poison } from '../keys/pair-store.ts'
import { completeStage } from '../keys/stage-store.ts'
import type { Open } from './operation.ts'
import { isDecided, recordStage } from './staging.ts'

/**
 * A new key: PENDING from here on, staged before our acknowledgement leaves, complete when the rehearsal held and the
 * device has stored its half. The commit is another call's.
 *
 * Source: docs/spec/flows.md, section 3.
 */
export const openKeygen: Open = async ({ stores, rng, identity, roundMs }, { ticket }) => {
  if (ticket.epoch !== 0) throw new WireError('TICKET_INVALID', 'a new key has epoch 0')
  const asked = { keyId: ticket.keyId, owner: ticket.sub, device: ticket.cnf }
  const { keyId: id, stageId } = await beginKeygen(stores, rng, asked)
  const { record, ssid } = recordStage(stores, id, stageId)

  return {
    answer: { stageId: toHex(stageId) },
    job: {
      op: 'keygen',
      keyId: keyId(fromHex(id)),
      identities: [fromHex(ticket.cnf.identity), identity.identity.publicKey],
      identityKey: identity.identity.key,
      rehearsal: sessionId(stageId),
      roundMs,
    },
    record,
    finish: async (certificate) => {
      await completeStage(stores, { keyId: id, stageId, epoch: 0 }, certificate)
      return {}
    },
    aborted: async (abort) => {
      const staged = ssid()
      if (abort.verdict === 'ban' && staged) await poison(stores, { keyId: id, ssid: staged })
      if (isDecided(abort)) await failKeygen(stores, id)
    },
    end: () => {},
  }
}
