import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeyShare, type PairSetup } from '@tandem/ecdsa'
import {
  beginKeygen,
  commitStage,
  completeStage,
  createSealer,
  type Kms,
  type PairInEpoch,
  stageKey,
  type Stores,
} from '@tandem/sigpair'
import { encodeFields } from '@tandem/rounds'
import { openSqlite } from '@tandem/store'
import { canonicalJson, type Intent, intentBytes, toHex, utf8 } from '@tandem/wire'
import { sha256 } from '@noble/hashes/sha2.js'
import { fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { type SeededRng, seeded } from '../helpers/rng.ts'

/** Sigpair's two databases in a folder of their own, with a clock that stands still until it is set. */
export type World = {
  readonly folder: string
  readonly stores: Stores
  readonly clock: { now: number }
  readonly rng: SeededRng
  /** the same files again, as another instance would open them */
  readonly instance: () => Stores
  /** another copy of the parties file, as a restore leaves it */
  readonly close: () => Promise<void>
}

export const START = 1_900_000_000_000

export function openWorld(kms: Kms, seed: string): World {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-sigpair-'))
  const clock = { now: START }
  const now = () => clock.now
  const opened: Stores[] = []
  const instance = () => {
    const stores = {
      parties: openSqlite({ path: join(folder, 'parties.db'), clock: now }),
      presignatures: openSqlite({ path: join(folder, 'presignatures.db'), clock: now }),
      sealer: createSealer(kms),
      now,
    }
    opened.push(stores)
    return stores
  }
  const close = async () => {
    for (const { parties, presignatures } of opened) await Promise.all([parties.close(), presignatures.close()])
    rmSync(folder, { recursive: true })
  }
  return { folder, stores: instance(), clock, rng: seeded(seed), instance, close }
}

/** An Ed25519 identity with the X25519 key it would certify. */
export type TestDevice = {
  readonly device: { readonly identity: string; readonly exchange: string }
  readonly sign: (message: Uint8Array) => Uint8Array
}

export function testDevice(rng: SeededRng): TestDevice {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const identity = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  return {
    device: { identity: toHex(identity), exchange: toHex(rng(32)) },
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  }
}

/** What a key generation leaves with both parties, from a dealer, at epoch 0. */
export type TestKey = TestDevice & {
  readonly keyId: string
  readonly owner: string
  readonly stageId: Uint8Array
  readonly secret: bigint
  /** of both parties */
  readonly shares: readonly KeyShare[]
  /** Sigpair's; its content matters to no store */
  readonly pairs: readonly PairSetup[]
  readonly pair: PairInEpoch
}

export const OWNER = 'https://issuer.test|alice'

export function testKey(rng: SeededRng): TestKey {
  const dealt = dealtKey(fast, 2, rng)
  const shares = dealt.signers.map((party) => ({ ...dealt.keys.get(party)!.share, epoch: 0 }))
  const { keyId, ssid } = shares[0]!
  const pair = { keyId: toHex(keyId), ssid, epoch: 0 }
  const pairs = dealt.setups.get(dealt.signers[1]!)!
  const { secret } = dealt
  return { ...testDevice(rng), keyId: pair.keyId, owner: OWNER, stageId: rng(32), secret, shares, pairs, pair }
}

export async function begin({ stores }: Pick<World, 'stores'>, { keyId, owner, device, stageId }: TestKey) {
  return beginKeygen(stores, () => stageId, { keyId, owner, device })
}

/** Sigpair's side of a generation up to its acknowledgement. */
export async function stage({ stores }: Pick<World, 'stores'>, { stageId, shares, pairs }: TestKey): Promise<void> {
  await stageKey(stores, { stageId, share: shares[1]!, pairs, certificate: [] })
}

/** The device's acknowledgement over conf. */
export function acknowledge({ shares, sign: signed }: TestKey): Uint8Array {
  return signed(sha256(encodeFields('kg/ack', shares[0]!.conf, Uint8Array.of(1, 0))))
}

export async function complete({ stores }: Pick<World, 'stores'>, key: TestKey): Promise<void> {
  await completeStage(stores, { ...key, epoch: 0 }, [acknowledge(key), new Uint8Array(64)])
}

export function intentFor(world: World, { keyId, sign: signed }: TestKey, body: object): Intent {
  const unsigned = {
    op: 'keygen' as const,
    keyId,
    epoch: 0,
    bodyHash: toHex(sha256(utf8(canonicalJson(body)))),
    nonce: toHex(world.rng(16)),
    expiry: Math.floor(world.clock.now / 1000) + 300,
  }
  return { ...unsigned, signature: toHex(signed(intentBytes(unsigned))) }
}

/** A key that is READY. */
export async function readyKeyIn(world: World, name = 'key'): Promise<TestKey> {
  const key = testKey(world.rng.fork(name))
  await begin(world, key)
  await stage(world, key)
  await complete(world, key)
  await commitStage(world.stores, { keyId: key.keyId, stageId: key.stageId, intent: intentFor(world, key, {}) })
  return key
}
