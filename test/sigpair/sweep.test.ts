import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { createLog } from '@tandem/service'
import { keyAt } from '@tandem/sigpair'
import { limits } from '@tandem/wire'
import { sweepExpired } from '../../sigpair/src/sweep.ts'
import { startKms } from './kms.ts'
import { begin, openWorld, stage, testKey } from './world.ts'

/** All but the audit log, which stays. */
function documentsIn(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true })
  const row = db.prepare("SELECT COUNT(*) AS count FROM documents WHERE collection NOT LIKE 'audit%'").get()
  db.close()
  return Number(row?.['count'])
}

test('a key nobody committed leaves the disk, its sealed share and its pair too', async () => {
  const kms = await startKms()
  const world = openWorld(kms.client, 'sweep')
  const [parties, presignatures] = ['parties.db', 'presignatures.db'].map((name) => join(world.folder, name)) as [
    string,
    string,
  ]
  const key = testKey(world.rng)
  await begin(world, key)
  await stage(world, key)
  const share = (await world.stores.parties.get(keyAt(key.keyId)))!.data.stage!.held.share
  const trace = Buffer.from(share.ciphertext).toString('base64').slice(0, 40)

  world.clock.now += limits.PENDING_MS
  const stop = sweepExpired(world.stores, createLog({ name: 'test', level: 'silent' }), 5)
  while (documentsIn(parties) + documentsIn(presignatures) > 0) await delay(5)
  stop()
  await Promise.all([world.stores.parties.close(), world.stores.presignatures.close()])
  expect(readFileSync(parties).includes(trace)).toBe(false)

  await world.close()
  await kms.stop()
})
