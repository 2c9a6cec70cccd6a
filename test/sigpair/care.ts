import { x25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { backupKey } from '@tandem/ecdsa'
import type { Stores } from '@tandem/sigpair'
import { canonicalJson, type Intent, intentBytes, toHex, utf8 } from '@tandem/wire'
import { createPool, type Pool } from '../../sigpair/src/compute/pool.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import type { SeededRng } from '../helpers/rng.ts'
import { startKms, type TestKms } from './kms.ts'
import { openWorld, readyKeyIn, type TestKey, type World } from './world.ts'

/** What an owner asks of a key besides signing, on real stores, a real KMS client and a real worker. */
export type Care = {
  world: World
  key: TestKey
  readonly pool: Pool
  readonly kms: TestKms
}

export const DAY = 86_400_000

/** Sets all of it up around the tests of a file; a new world and a READY key for each. */
export function careful(): Care {
  const care = {} as { -readonly [Field in keyof Care]: Care[Field] }
  beforeAll(async () => {
    care.kms = await startKms()
    care.pool = createPool({ dialogues: 1, threads: 1 })
  })
  afterAll(async () => {
    await care.pool.close()
    await care.kms.stop()
  })
  beforeEach(async () => open(care))
  afterEach(async () => care.world.close())
  return care
}

/** Another world with another key in the same test. */
export async function renew(care: Care): Promise<void> {
  await care.world.close()
  await open(care)
}

async function open(care: Care): Promise<void> {
  care.world = openWorld(care.kms.client, expect.getState().currentTestName ?? '')
  care.key = await readyKeyIn(care.world)
}

/** The same stores until this many writes, counted over both databases, are done; the next one and all after it fail. */
export function dyingAt(stores: Stores, writes: number): Stores {
  let left = writes
  const die = () => {
    if (left-- <= 0) throw new Error('died')
  }
  const mortal = (store: Stores['parties']): Stores['parties'] => ({
    ...store,
    transaction: async (act, options) => {
      die()
      return store.transaction(act, options)
    },
    delete: async (at, options) => {
      die()
      return store.delete(at, options)
    },
  })
  return { ...stores, parties: mortal(stores.parties), presignatures: mortal(stores.presignatures) }
}

export type Said = {
  readonly op: Intent['op']
  readonly body: object
  /** who signs, if not the key's device */
  readonly by?: (message: Uint8Array) => Uint8Array
  /** what is signed otherwise */
  readonly change?: Partial<Omit<Intent, 'signature'>>
}

export function say({ world, key }: Pick<Care, 'world' | 'key'>, { op, body, by = key.sign, change }: Said): Intent {
  const unsigned = {
    op,
    keyId: key.keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson(body)))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
    ...change,
  }
  return { ...unsigned, signature: toHex(by(intentBytes(unsigned))) }
}

/** Intents that are not the one wanted, and which field says so. */
export function wrongIntents(care: Pick<Care, 'world' | 'key'>, said: Said): readonly [string, Intent][] {
  const { world } = care
  const stranger = createDevice(world.rng)
  const spoken = (change: Said['change']) => say(care, { ...said, ...(change ? { change } : {}) })
  return [
    ['intent.op', spoken({ op: said.op === 'policy' ? 'delete' : 'policy' })],
    ['intent.keyId', spoken({ keyId: toHex(world.rng(32)) })],
    ['intent.epoch', spoken({ epoch: 1 })],
    ['intent.bodyHash', say(care, { ...said, body: { other: true } })],
    ['intent.signature', say(care, { ...said, by: stranger.sign })],
    ['intent.signature', { ...spoken({}), nonce: toHex(world.rng(16)) }],
    ['intent.expiry', spoken({ expiry: Math.floor(world.clock.now / 1000) })],
    ['intent.expiry', spoken({ expiry: Math.floor(world.clock.now / 1000) + 601 })],
  ]
}

/** The owner's key pair for backups of Sigpair's share. */
export function ownerKey(rng: SeededRng) {
  const { dk, ek } = backupKey(fast, rng)
  return { dk, ek, encryptionKey: toHex(ek) }
}

/** A key pair made for one export. */
export function exportKey(rng: (n: number) => Uint8Array) {
  const secretKey = rng(32)
  return { secretKey, encryptionKey: toHex(x25519.getPublicKey(secretKey)) }
}

/** The names of everything in the key's audit chain, oldest first. */
export async function auditOf({ world, key }: Pick<Care, 'world' | 'key'>): Promise<readonly AuditLine[]> {
  const { docs } = await world.stores.presignatures.list('audit', { prefix: `${key.keyId}:`, limit: 1000 })
  return docs.map(({ data }) => JSON.parse(data['entry'] as string) as AuditLine)
}

type AuditLine = {
  readonly methodName: string
  readonly status: { readonly code: string; readonly message?: string }
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Types of the events that nobody has acknowledged, oldest first. */
export async function eventsOf({ world, key }: Pick<Care, 'world' | 'key'>): Promise<readonly string[]> {
  const { docs } = await world.stores.parties.list('events', { prefix: `${key.keyId}:`, limit: 100 })
  return docs.map(({ data }) => data['type'] as string)
}
