import { type CommitteeKey, committeeKey } from '@tandem/wire'
import { eventually, insist, type ProcessWorld, sign } from './process-world.ts'

/** What must be true of a committee that nothing disturbs any more. */
export type Expected = {
  /** what the caller knows of each key: who holds it, and that it is the same key as ever */
  readonly keys: readonly Pick<CommitteeKey, 'keyId' | 'publicKey'>[]
  readonly deleted?: readonly string[]
  /** places of nodes that may be accused, and are not asked */
  readonly cheats?: readonly number[]
}

/** Who was silent is no culprit. */
const INNOCENT = new Set(['SILENT_PEER', 'CANCELLED'])

/**
 * All honest nodes agree on who holds which shares of each key; nothing is PENDING or runs; every quorum of honest members
 * signs; what was deleted stays so; and nobody honest is accused.
 *
 * @returns the keys as all of them answer them
 */
export async function requireInvariants(world: ProcessWorld, expected: Expected): Promise<CommitteeKey[]> {
  const { keys, deleted = [], cheats = [] } = expected
  const honest = world.places.filter((place) => !cheats.includes(place))
  await eventually(async () => requireQuiet(world, honest))
  const agreed: CommitteeKey[] = []
  for (const key of keys) agreed.push(await requireOneKey(world, key, honest))
  for (const keyId of deleted) await requireDeleted(world, keyId, honest)
  await requireNobodyAccused(world, honest)
  return agreed
}

async function requireQuiet(world: ProcessWorld, honest: readonly number[]): Promise<void> {
  for (const place of honest) {
    const { keys, sessions, peers } = await world.status(place)
    expect(keys.filter(({ status }) => status === 'PENDING')).toEqual([])
    expect(sessions).toEqual([])
    const others = new Set(world.namesOf(honest))
    expect(peers.filter(({ node, connected }) => others.has(node) && !connected)).toEqual([])
  }
}

async function requireOneKey(
  world: ProcessWorld,
  { keyId, publicKey }: Pick<CommitteeKey, 'keyId' | 'publicKey'>,
  honest: readonly number[],
): Promise<CommitteeKey> {
  let agreed: CommitteeKey | undefined
  await eventually(async () => {
    const held = new Map<number, CommitteeKey>()
    for (const place of honest) {
      const key = (await world.status(place)).keys.find((one) => one.keyId === keyId)
      if (key?.status === 'READY') held.set(place, await keyAt(world, place, key))
    }
    const [first] = held.values()
    expect(first?.publicKey).toBe(publicKey)
    for (const one of held.values()) expect(one).toEqual(first)
    const members = world.placesOf(first!.members).filter((place) => honest.includes(place))
    expect([...held.keys()]).toEqual(ascending(members))
    agreed = first
  })
  const members = world.placesOf(agreed!.members).filter((place) => honest.includes(place))
  for (const quorum of quorumsOf(members, agreed!.threshold)) await requireSigning(world, agreed!, quorum)
  return agreed!
}

/** A READY key is answered from the storage of the node that is asked, with the run that made its shares. */
async function keyAt(world: ProcessWorld, place: number, key: Pick<CommitteeKey, 'keyId' | 'members' | 'threshold'>) {
  const { keyId, members, threshold } = key
  return committeeKey.parse(await world.ask(world.command('keyGen', { keyId, members, threshold }), [place]))
}

/** By just these: the caller's wish is a wish, so it may have to be asked more than once. */
async function requireSigning(world: ProcessWorld, key: CommitteeKey, quorum: readonly number[]): Promise<void> {
  await eventually(async () => {
    expect(ascending(await sign(world, key, quorum.slice(0, 1), quorum))).toEqual(ascending(quorum))
  })
}

async function requireDeleted(world: ProcessWorld, keyId: string, honest: readonly number[]): Promise<void> {
  const payload = { kind: 'message', message: 'too late' }
  for (const place of honest) {
    const signing = insist(async () => world.ask(world.command('keySign', { keyId, payload }), [place]))
    await expect(signing).rejects.toMatchObject({ code: 'KEY_DELETED' })
  }
}

async function requireNobodyAccused(world: ProcessWorld, honest: readonly number[]): Promise<void> {
  const names = new Set(world.namesOf(honest))
  for (const place of honest) {
    const faults = (await world.status(place)).faults.filter(({ code }) => !INNOCENT.has(code))
    expect(faults.filter(({ culprits }) => culprits.some((name) => names.has(name)))).toEqual([])
  }
}

const ascending = (places: readonly number[]) => places.toSorted((a, b) => a - b)

export function quorumsOf(places: readonly number[], size: number): number[][] {
  if (size === 0) return [[]]
  return places.flatMap((place, i) => quorumsOf(places.slice(i + 1), size - 1).map((rest) => [place, ...rest]))
}
