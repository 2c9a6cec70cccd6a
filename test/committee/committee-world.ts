import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateKey, sign } from 'node:crypto'
import { createLog } from '@tandem/service'
import { createSealer } from '@tandem/sigpair'
import { openLevel, type Store } from '@tandem/store'
import { type CallerRequest, callerRequestBytes, fromHex, toHex } from '@tandem/wire'
import type { Committee, RequestOf } from '../../sigpair/src/committee/committee.ts'
import type { NodeName } from '../../sigpair/src/committee/network.ts'
import { type NodeIdentity, nodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import type { CommitteeDeps, Timing } from '../../sigpair/src/committee/operations/deps.ts'
import { openCommittee } from '../../sigpair/src/committee/operations/open-committee.ts'
import { decryptAead, encryptAead } from '../../sigpair/src/seal/aead.ts'
import { fast } from '../helpers/backends.ts'
import { type Faults, type MemoryNetworks, memoryNetworks } from '../helpers/memory-network.ts'
import { seeded } from '../helpers/rng.ts'

/** A committee in one process: real stores in folders of their own, real arithmetic, a network in memory. */
export type World = {
  readonly names: readonly NodeName[]
  readonly net: MemoryNetworks
  readonly at: (index: number) => Committee
  readonly store: (index: number) => Store
  /** what a node has logged, one object a line */
  readonly logged: (index: number) => readonly Readonly<Record<string, unknown>>[]
  readonly stop: (index: number) => Promise<void>
  /** A new process on the same folder; `wiped` on an empty one. */
  readonly restart: (index: number, disk?: 'kept' | 'wiped') => Promise<void>
  readonly clock: { ms: number }
  readonly close: () => Promise<void>
}

export type WorldOptions = {
  readonly nodes: number
  readonly seed?: string
  readonly faults?: Partial<Faults>
  readonly timing?: Partial<Timing>
  /** replaces what one node works with */
  readonly depsOf?: (index: number, honest: CommitteeDeps) => CommitteeDeps
}

/** A loaded machine computes for seconds; nobody waits this long unless somebody is silent. */
export const TEST_TIMING: Timing = {
  repeatMs: 40,
  readyMs: 10_000,
  roundMs: 10_000,
  leaseMs: 60_000,
  graceMs: 1_000,
  sweepMs: 150,
}

type Running = { readonly store: Store; readonly committee: Committee }

export async function openWorld({ nodes, seed = 'committee', faults, timing, depsOf }: WorldOptions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-committee-'))
  const identities = Array.from({ length: nodes }, (_, at) => nodeIdentity(seeded(`${seed}/node ${at + 1}`)(32)))
  const names = identities.map(({ name }) => name)
  const clock = { ms: Date.UTC(2026, 0, 1) }
  const net = memoryNetworks(names, { seed, now: () => clock.ms, ...(faults ? { faults } : {}) })
  const logs = names.map((): Record<string, unknown>[] => [])
  const disks = names.map(() => 1)
  let starts = 0

  const start = async (index: number): Promise<Running> => {
    const at = index - 1
    const store = await openLevel({ path: join(folder, `${index}-${disks[at]}`), clock: () => clock.ms })
    const identity = identities[at]!
    const honest: CommitteeDeps = {
      ...{ network: net.node(identity.name), identity, store, sealer: sealerOf(identity) },
      callers: [{ publicKey: toHex(CALLER.publicKey), label: 'consensus' }],
      policy: () => {},
      arithmetic: { backend: fast, rng: seeded(`${seed}/rng ${index} ${++starts}`) },
      log: createLog({
        name: 'node',
        level: 'debug',
        destination: { write: (line) => void logs[at]!.push(JSON.parse(line)) },
      }),
      now: () => clock.ms,
      timing: { ...TEST_TIMING, ...timing },
    }
    return { store, committee: await openCommittee(depsOf?.(index, honest) ?? honest) }
  }
  const running = new Map<number, Running>()
  for (let index = 1; index <= nodes; index++) running.set(index, await start(index))
  const known = (index: number) => {
    const one = running.get(index)
    if (!one) throw new TypeError(`node ${index} is stopped`)
    return one
  }
  const stop = async (index: number) => {
    const { store, committee } = known(index)
    running.delete(index)
    net.kill(names[index - 1]!)
    await committee.close()
    await store.close()
  }
  return {
    ...{ names, net, clock, stop },
    at: (index) => known(index).committee,
    store: (index) => known(index).store,
    logged: (index) => logs[index - 1]!,
    async restart(index, disk = 'kept') {
      if (running.has(index)) await stop(index)
      if (disk === 'wiped') disks[index - 1]!++
      net.restart(names[index - 1]!)
      running.set(index, await start(index))
    },
    async close() {
      for (const index of [...running.keys()]) await stop(index)
      await net.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Stands for KMS: wraps data keys under a key of this node. */
function sealerOf({ name }: NodeIdentity) {
  const kek = seeded(`kek ${name}`)(32)
  return createSealer({
    async wrap(key, aad) {
      const { iv, ciphertext } = encryptAead(kek, aad, key)
      return { wrappedKey: Uint8Array.of(...iv, ...ciphertext), kek: 'local' }
    },
    unwrap: async (wrapped, _kek, aad) =>
      decryptAead(kek, aad, { iv: wrapped.slice(0, 12), ciphertext: wrapped.slice(12) }),
  })
}

const CALLER = callerOf('caller')
let drawn = 0

function callerOf(name: string) {
  const seed = seeded(name)(32)
  const { publicKey } = nodeIdentity(seed)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return { publicKey, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) }
}

type Asked = { readonly caller?: string; readonly expiresIn?: number; readonly requestId?: string }

/** Signed by the pinned caller, good for five minutes of the world's clock. */
export function ask<M extends CallerRequest['method']>(
  world: Pick<World, 'clock'>,
  method: M,
  params: RequestOf<M>['params'],
  { caller, expiresIn = 300, requestId = toHex(seeded(`request ${++drawn}`)(16)) }: Asked = {},
): RequestOf<M> {
  const { publicKey, key } = caller === undefined ? CALLER : callerOf(caller)
  const expiry = Math.floor(world.clock.ms / 1000) + expiresIn
  const unsigned = { method, params, requestId, expiry, caller: toHex(publicKey) } as Omit<CallerRequest, 'signature'>
  return {
    ...unsigned,
    signature: toHex(new Uint8Array(sign(null, callerRequestBytes(unsigned), key))),
  } as RequestOf<M>
}

export const keyIdOf = (name: string) => toHex(seeded(`key ${name}`)(32))

export const message = (text: string) => ({ kind: 'message' as const, message: text })

/** Whether a signature is of this key, by a verifier that knows nothing of us. */
export function verifies(
  publicKey: string,
  { digest, signature }: { readonly digest: string; readonly signature: string },
) {
  return fast.verify(fromHex(signature).subarray(0, 64), fromHex(digest), fromHex(publicKey))
}

/** Asks again and again, for at most `ms`. */
export async function eventually(holds: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const until = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > until) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function keyAt(world: World, index: number, keyId: string) {
  const { keys } = await world.at(index).status()
  return keys.find((key) => key.keyId === keyId)
}

export const generate = (world: World, name: string, { threshold, nodes }: Shape, at = nodes[0]!) => {
  const members = nodes.map((index) => world.names[index - 1]!)
  return world.at(at).keyGen(ask(world, 'keyGen', { keyId: keyIdOf(name), members, threshold }))
}
export type Shape = { readonly threshold: number; readonly nodes: readonly number[] }

export const readyEverywhere = (world: World, name: string, nodes: readonly number[]) =>
  eventually(async () => {
    const keys = await Promise.all(nodes.map((index) => keyAt(world, index, keyIdOf(name))))
    return keys.every((key) => key?.status === 'READY')
  })
