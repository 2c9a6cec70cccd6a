/** One OS process of a race: `racer.ts STORE NAME ROUNDS`, the store as JSON. Prints how many creates it won. */
import { isStoreError, openStore, ref, type StoreConfig } from '@tandem/store'

const [, , config, name, rounds] = process.argv
const store = await openStore(JSON.parse(config!) as StoreConfig)
const counter = ref<{ readonly n: number }>('counters', 'shared')
let won = 0

for (let i = 0; i < Number(rounds); i++) {
  try {
    await store.create(ref('races', String(i)), { winner: name! })
    won++
  } catch (error) {
    if (!isStoreError(error, 'EXISTS')) throw error
  }
  await store.transaction(
    async (tx) => {
      const found = await tx.get(counter)
      // the other process gets a chance to overtake
      await new Promise((resolve) => setImmediate(resolve))
      if (found === undefined) tx.create(counter, { n: 1 })
      else tx.update(counter, { n: found.data.n + 1 })
    },
    { maxAttempts: 100 },
  )
}
await store.close()
process.stdout.write(`${won}\n`)
