import { fromHex, type TicketClaims, WireError } from '@tandem/wire'
import { runId } from './dialogue-presign.ts'
import { erase } from '../compute/erase.ts'
import { sameBytes } from '../crypto/hash.ts'
import { loadKey, type Open, punish, recordCheck } from './operation.ts'
import type { SessionRecord } from '../records.ts'
import { judgedOf, releaseSession, requireAllowed } from '../policy/policy-store.ts'
import { loadUnsigned, storeSignature } from '../sign/session-store.ts'

/**
 * One signature over a prepared session. What is signed comes from our own record; the ticket must name the same. The policy
 * judges it before the first round, and again before the signature is stored under the session, which is before the device
 * gets it.
 *
 * Source: docs/spec/flows.md, section 6.
 */
export const openSign: Open = async ({ stores, roundMs }, { ticket, hello }) => {
  if (hello.op !== 'sign') throw new WireError('VALIDATION_FAILED', 'hello.op')
  const sigid = runId(hello.sigid)
  const session = await sessionOf(ticket, (asked) => loadUnsigned(stores, asked))
  const { sessionId, digest, path, rhoS } = session
  await requireAllowed(stores, { keyId: session.keyId, ...judgedOf(session) })
  const { pair, shareBytes, pairBytes } = await loadKey(stores, ticket)

  return {
    answer: {},
    job: {
      op: 'sign',
      key: { share: shareBytes, pair: pairBytes },
      sigid,
      message: { digest, path, rhoS, rhoD: fromHex(hello.rhoD) },
      roundMs,
    },
    record: async (entry) => {
      if (entry.entry === 'store' && entry.name === 'signature') {
        await releaseSession(stores, session)
        const stored = await storeSignature(stores, sessionId, entry.bytes)
        // Another request was faster: one session, one signature.
        if (!sameBytes(stored, entry.bytes)) throw new WireError('SESSION_CONSUMED')
      } else if (entry.entry === 'open' || entry.entry === 'pass') await recordCheck(stores, pair, entry)
      else throw new Error(`signing records no ${entry.entry}`)
    },
    finish: async () => ({}),
    aborted: (abort) => punish(stores, pair, abort),
    end: () => {
      erase(shareBytes, pairBytes)
    },
  }
}

/** @throws {WireError} `TICKET_INVALID` unless the ticket is for exactly this transaction */
async function sessionOf(
  { session, keyId, sub }: TicketClaims,
  load: (asked: { sessionId: string; keyId: string; owner: string }) => Promise<SessionRecord>,
): Promise<SessionRecord> {
  if (!session) throw new WireError('TICKET_INVALID', 'for no session')
  const record = await load({ sessionId: session.sessionId, keyId, owner: sub })
  const exact = sameBytes(record.digest, fromHex(session.digest)) && record.path.join('/') === session.path.join('/')
  if (!exact) throw new WireError('TICKET_INVALID', 'for another transaction')
  return record
}
