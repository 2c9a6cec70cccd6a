/** One OS process of a race for a limit: `spender.ts FOLDER KMS PAIR IDS NOW`. Each release spends 100. Prints how many were allowed. */
import { join } from 'node:path'
import { consume, createKms, createSealer } from '@tandem/sigpair'
import { openSqlite } from '@tandem/store'
import { fromHex, WireError } from '@tandem/wire'

const [, , folder, address, pairText, ids, now] = process.argv
const [keyName, host, port] = address!.split('|')
const pair = JSON.parse(pairText!) as { readonly keyId: string; readonly ssid: string; readonly epoch: number }
const clock = () => Number(now)
const kms = createKms({ keyName: keyName!, endpoint: host!, port: Number(port), insecure: true })
const stores = {
  parties: openSqlite({ path: join(folder!, 'parties.db'), clock }),
  presignatures: openSqlite({ path: join(folder!, 'presignatures.db'), clock }),
  sealer: createSealer(kms),
  now: clock,
}
const spending = [{ chainId: 1, asset: 'native', recipient: `0x${'aa'.repeat(20)}`, amount: 100n }]
const to = `0x${'aa'.repeat(20)}`

let allowed = 0
for (const id of ids!.split(',')) {
  try {
    await consume(stores, {
      pair: { ...pair, ssid: fromHex(pair.ssid) },
      id: fromHex(id),
      sessionId: `ses_${id}`,
      use: 1,
      owner: 'https://issuer.test|alice',
      claim: { kind: 'transaction', chainId: 1, to, selector: undefined, decoded: true, spending },
    })
    allowed += 1
  } catch (error) {
    if (!(error instanceof WireError) || error.code !== 'POLICY_DENIED') throw error
  }
}
await Promise.all([stores.parties.close(), stores.presignatures.close(), kms.close()])
process.stdout.write(String(allowed))
