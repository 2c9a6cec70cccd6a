/** Writes two documents that must agree until it is killed: `writer.ts STORE`. Prints each number once it is durable. */
import { writeSync } from 'node:fs'
import { openStore, ref, type StoreConfig } from '@tandem/store'

const store = await openStore(JSON.parse(process.argv[2]!) as StoreConfig)
const at = (id: string) => ref<{ readonly n: number; readonly filler: Uint8Array }>('pair', id)
const filler = new Uint8Array(50_000)

for (let n = 1; ; n++) {
  await store.transaction(async (tx) => {
    for (const found of [await tx.get(at('left')), await tx.get(at('right'))]) {
      if (found !== undefined && found.data.n !== n - 1) throw new Error('half a transaction')
    }
    for (const id of ['left', 'right']) {
      if (n === 1) tx.create(at(id), { n, filler })
      else tx.update(at(id), { n, filler })
    }
  })
  writeSync(1, `${n}\n`)
}
