import { randomBytes } from 'node:crypto'
import { decodeStage } from '@tandem/ecdsa'
import { keyId, sessionId } from '@tandem/rounds'
import { fromHex, toHex, WireError } from '@tandem/wire'
import { arithmetic } from '../compute/arithmetic.ts'
import { erase, eraseStage } from '../compute/erase.ts'
import { beginKeygen, completeStage, failKeygen, stageKey } from '../keys/key-store.ts'
import { type Open, recordCheck } from './operation.ts'
import { poison } from '../keys/pair-store.ts'
import type { Stores } from '../stores.ts'

/** Runs that end without a verdict on anybody: the key stays PENDING and expires. */
const UNDECIDED = ['SILENT_PEER', 'CANCELLED']

/**
 * A new key: PENDING from here on, staged before our acknowledgement leaves, complete when the rehearsal held and the
 * device has stored its half. The commit is another call's.
 *
 * Source: docs/spec/flows.md, section 3.
 */
export const openKeygen: Open = async ({ stores, identity, roundMs }, { ticket }) => {
  if (ticket.epoch !== 0) throw new WireError('TICKET_INVALID', 'a new key has epoch 0')
  const { keyId: id } = await beginKeygen(stores, { keyId: ticket.keyId, owner: ticket.sub, device: ticket.cnf })
  const stageId = new Uint8Array(randomBytes(32))
  let ssid: Uint8Array | undefined

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
    record: async (entry) => {
      if (entry.entry === 'store' && entry.name === 'stage') {
        ssid = await makeDurable(stores, stageId, entry.bytes)
      } else if (ssid && (entry.entry === 'open' || entry.entry === 'pass')) {
        await recordCheck(stores, { keyId: id, ssid }, entry)
      } else throw new Error(`key generation records no ${entry.entry}`)
    },
    finish: async (certificate) => {
      await completeStage(stores, id, stageId, certificate)
      return {}
    },
    aborted: async (abort) => {
      if (abort.verdict === 'ban' && ssid) await poison(stores, { keyId: id, ssid })
      if (!UNDECIDED.includes(abort.code)) await failKeygen(stores, id)
    },
    end: () => {},
  }
}

/** Spec: keygen 3.2. @returns the ssid, which names the pair */
async function makeDurable(stores: Stores, stageId: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const stage = decodeStage(arithmetic().backend, bytes)
  try {
    await stageKey(stores, { stageId, ...stage, certificate: [] })
    return stage.share.ssid
  } finally {
    erase(bytes)
    eraseStage(stage)
  }
}
