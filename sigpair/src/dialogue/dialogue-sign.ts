import { fromHex, type TicketClaims, WireError } from '@tandem/wire'
import { runId } from './dialogue-presign.ts'
import { sameBytes } from '../crypto/hash.ts'
import { eraseKey, loadKey, type Open, punish, recordCheck } from './operation.ts'
import { requireSameMembers, signersIn } from '../member/member.ts'
import { PAIR, placesOf } from '../parties.ts'
import type { SessionRecord } from '../records.ts'
import { judgedOf, releaseSession, requireAllowed } from '../policy/policy-store.ts'
import { loadUnsigned, markBegun, rhoOf, storeSignature } from '../sign/session-store.ts'

/**
 * One signature over a prepared session. What is signed comes from our own record; the ticket must name the same. The policy
 * judges it before the first round, and again before the signature is stored under the session, which is before the device
 * gets it.
 *
 * Source: docs/spec/flows.md, section 6; gateway.md 2.4.
 */
export const openSign: Open = async ({ stores, roundMs, member }, { ticket, hello }) => {
  if (hello.op !== 'sign') throw new WireError('VALIDATION_FAILED', 'hello.op')
  const sigid = runId(hello.sigid)
  const session = await sessionOf(ticket, (asked) => loadUnsigned(stores, asked))
  const { sessionId, digest, path } = session
  const rhoS = rhoOf(session)
  const signers = member ? signersIn(member, hello) : PAIR
  await requireAllowed(stores, { keyId: session.keyId, ...judgedOf(session) })
  const { pairOf, bytes, current } = await loadKey(stores, ticket, signers)
  if (member) {
    requireSameMembers(member, current)
    // Everybody assembles: whoever has our part may have the signature.
    await releaseSession(stores, session)
  }
  const others = signers.filter((index) => index !== placesOf(current).self)

  return {
    answer: {},
    job: {
      op: 'sign',
      key: bytes,
      signers,
      sigid,
      message: { digest, path, rhoS, rhoD: fromHex(hello.rhoD) },
      roundMs,
    },
    record: async (entry) => {
      if (entry.entry === 'store' && entry.name === 'signature') {
        if (!member) await releaseSession(stores, session)
        const stored = await storeSignature(stores, sessionId, entry.bytes)
        // Another request was faster: one session, one signature.
        if (!sameBytes(stored, entry.bytes)) throw new WireError('SESSION_CONSUMED')
      } else if (entry.entry === 'open' || entry.entry === 'pass') {
        if (member) await markBegun(stores, sessionId)
        await recordCheck(stores, pairOf, entry)
      } else throw new Error(`signing records no ${entry.entry}`)
    },
    finish: async () => ({}),
    aborted: (abort) => punish(stores, { pairOf, others }, abort),
    end: () => eraseKey(bytes),
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
