/** One OS process of a race: `consumer.ts FOLDER KMS PAIR IDS NOW`. Prints the presignatures it got. */
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

const won: string[] = []
for (const id of ids!.split(',')) {
  try {
    const wanted = {
      pair: { ...pair, ssid: fromHex(pair.ssid) },
      id: fromHex(id),
      sessionId: `ses_${process.pid}`,
      use: 1,
      owner: 'https://issuer.test|alice',
      claim: { kind: 'message' as const },
    }
    await consume(stores, wanted)
    won.push(id)
  } catch (error) {
    if (!(error instanceof WireError) || error.code !== 'PRESIGNATURE_CONSUMED') throw error
  }
}
await Promise.all([stores.parties.close(), stores.presignatures.close(), kms.close()])
process.stdout.write(won.join(','))
