import { getTransaction } from '../../functions/src/http/get-transaction.ts'
import type { Receipt } from '../../functions/src/ports/chain.ts'
import type { TransactionSession, TransactionState } from '../../functions/src/ports/sessions.ts'
import { CALLER } from './pipeline.ts'

const END = 1_800_000_000
const raw = '0x02'
const txHash = `0x${'aa'.repeat(32)}`
const receipt: Receipt = { blockNumber: 5, blockHash: `0x${'bb'.repeat(32)}`, gasUsed: '21000', status: 'success' }

/** What a session in this state looks like, at this time, on a chain that says this. */
function viewOf(state: TransactionState, at = END - 1, onChain: Receipt | null = null) {
  const session = { state, expiresAt: END, profileId: 'p', unsignedTx: { chainId: 1 } } as TransactionSession
  const deps = { requireTransaction: async () => session, receiptOf: async () => onChain, now: () => at * 1000 }
  return getTransaction(deps)(CALLER, 'ses_x')
}

test.each<readonly [string, ReturnType<typeof viewOf>, object]>([
  ['prepared until its end', viewOf({ status: 'prepared' }), { status: 'prepared' }],
  ['expired from its end on', viewOf({ status: 'prepared' }, END), { status: 'expired' }],
  ['expired when it was given up', viewOf({ status: 'expired' }), { status: 'expired' }],
  ['signed while the chain does not have it', viewOf({ status: 'signed', raw, txHash }), { status: 'signed', txHash }],
  [
    'mined although nobody noted that it was sent',
    viewOf({ status: 'signed', raw, txHash }, END, receipt),
    { status: 'mined', receipt },
  ],
  ['submitted while it waits', viewOf({ status: 'submitted', raw, txHash }), { status: 'submitted', txHash }],
  [
    'mined when it is in a block',
    viewOf({ status: 'submitted', raw, txHash }, END, receipt),
    { status: 'mined', receipt },
  ],
  [
    'failed when it reverted there',
    viewOf({ status: 'submitted', raw, txHash }, END, { ...receipt, status: 'reverted' }),
    { status: 'failed', receipt: { status: 'reverted' } },
  ],
  [
    'failed when the chain refused it',
    viewOf({ status: 'failed', raw, txHash, reason: 'x' }),
    { status: 'failed', txHash },
  ],
])('a transaction is %s', async (_, view, expected) => {
  expect(await view).toMatchObject(expected)
  expect(JSON.stringify(await view)).not.toContain('"raw"')
})
