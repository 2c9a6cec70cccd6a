import { openSqlite } from '@tandem/store'
import { nonces } from '../../../functions/src/ports/nonces.ts'

/** Reserves `count` nonces of one account, one after the other, and prints them. */
const [path = '', name = '', count = '0'] = process.argv.slice(2)
const store = openSqlite({ path })
const ledger = nonces(store, Date.now)
const account = { chainId: 31337, address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }

const taken: number[] = []
for (let i = 0; i < Number(count); i++) {
  const session = { sessionId: `${name}-${i}`, until: Date.now() + 60_000 }
  taken.push(await ledger.reserve(account, session, async () => ({ latest: 5, pending: 5 })))
}
process.stdout.write(JSON.stringify(taken))
