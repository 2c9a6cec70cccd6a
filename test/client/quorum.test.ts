import { TandemError } from '@tandem/client'
import { encodePair, encodeShare } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { limits, toHex } from '@tandem/wire'
import { bundleBackups, readBackupBundle } from '../../shared/client/src/backup/backup-bundle.ts'
import type { Legs } from '../../shared/client/src/dialogue/legs.ts'
import { requireTheirs } from '../../shared/client/src/members.ts'
import { createStanding } from '../../shared/client/src/standing.ts'
import { newPairs, type PairState, type WalletRecord } from '../../shared/client/src/vault/wallet-record.ts'
import { chooseQuorum, withQuorum } from '../../shared/client/src/wallet/quorum.ts'
import { createStock } from '../../shared/client/src/wallet/stock.ts'
import { fast } from '../helpers/backends.ts'
import { dealtDeviceKey, dealtKey } from '../helpers/dealt-key.ts'
import { identityOf } from '../helpers/keygen.ts'
import { paperRecord, type PaperKey } from '../helpers/paper-device.ts'
import { seeded } from '../helpers/rng.ts'

const dealt = dealtDeviceKey(fast, 2, 4, seeded('quorum'))
const DEVICE = partyIndex(5)
const identities = [1, 2, 3, 4, 5].map(identityOf)
const share = { ...dealt.keys.get(DEVICE)!.share, identities }
const setups = dealt.setups.get(DEVICE)!
const current = {
  ...{ epoch: 0, stageId: toHex(seeded('stage')(32)), share: encodeShare(fast, share) },
  pairs: setups.map((setup) => ({ peer: setup.peer, setup: encodePair(fast, setup) })),
}
const paper = { device: share, next: { share, pairs: setups } } as unknown as PaperKey
const record: WalletRecord = { ...paperRecord(paper), current, stage: null, pairs: newPairs(current) }

/** The pair with one member changed. */
function withPair(peer: number, change: Partial<PairState>, from = record): WalletRecord {
  return { ...from, pairs: from.pairs.map((pair) => (pair.peer === peer ? { ...pair, ...change } : pair)) }
}

const everybody = [1, 2, 3, 4]
const chosen = (held = record, reached: readonly number[] = everybody, standing = createStanding(() => 0)) =>
  chooseQuorum({ standing }, held, share, reached)
const code = (code: string) => expect.objectContaining({ code }) as Error

describe('a quorum', () => {
  test('is of members that are there, whose pair is sound, and who did not fail last', () => {
    expect(chosen()).toEqual([1, 2])
    expect(chosen(record, [4, 2, 9])).toEqual([2, 4])
    expect(chosen(withPair(1, { status: 'POISONED' }))).toEqual([2, 3])
    const exhausted = { opened: limits.MAX_OPEN_CHECKS + 3, passed: 3 }
    expect(chosen(withPair(2, exhausted))).toEqual([1, 3])
    const standing = createStanding(() => 0)
    standing.failed([1, 2, 2])
    expect(chosen(record, everybody, standing)).toEqual([3, 4])
    standing.failed([3])
    standing.answered([2])
    expect(chosen(record, everybody, standing)).toEqual([2, 4])
  })

  test('is none when too few are there, or too few pairs are sound', () => {
    expect(() => chosen(record, [3])).toThrow(code('UNAVAILABLE'))
    const few = [1, 2, 3].reduce((held, peer) => withPair(peer, { status: 'POISONED' }, held), record)
    expect(() => chosen(few)).toThrow(code('WALLET_FROZEN'))
  })

  test('a failure of long ago is forgotten', () => {
    let now = 0
    const standing = createStanding(() => now)
    standing.failed([1])
    now = 59_000
    expect(standing.failuresOf([1, 2])).toBe(1)
    now = 61_000
    expect(standing.failuresOf([1, 2])).toBe(0)
  })
})

describe('another quorum is tried', () => {
  const legs = {
    each: new Map([
      [partyIndex(1), {}],
      [partyIndex(2), {}],
    ]),
    close: () => undefined,
  } as unknown as Legs
  const failing = async (...failures: readonly Error[]) => {
    const standing = createStanding(() => 0)
    const left = [...failures]
    const open = async () => ({ legs, hello: { op: 'refresh' as const } })
    const talk = async () => {
      const failure = left.shift()
      if (failure) throw failure
      return 'signed'
    }
    const result = await withQuorum({ standing }, open, talk).catch((error: unknown) => error)
    return { result, tries: failures.length - left.length, failures: everybody.map((i) => standing.failuresOf([i])) }
  }
  const away = new TandemError('UNAVAILABLE', 'away')

  test('after what members are at fault for, and they are noted', async () => {
    expect(await failing(away.by([2]))).toEqual({ result: 'signed', tries: 1, failures: [0, 0, 0, 0] })
    const twice = await failing(...Array.from({ length: 9 }, () => away.by([2])))
    expect(twice).toMatchObject({ result: { code: 'UNAVAILABLE', members: [2] }, tries: 4, failures: [0, 4, 0, 0] })
    expect((await failing(...Array.from({ length: 9 }, () => away.by([])))).failures).toEqual([4, 4, 0, 0])
  })

  test('not after what is nobody’s fault, nor after what all would say', async () => {
    const consumed = new TandemError('SESSION_CONSUMED', 'signed').by([1])
    for (const failure of [away, new Error('ours'), consumed]) {
      expect(await failing(failure)).toMatchObject({ result: failure, tries: 1 })
    }
  })
})

test('of a stock the lowest rank is taken first, the oldest of it, and what has none stays', () => {
  const stock = createStock<number>(() => 0)
  stock.put(
    'key',
    [3, 1, 2, 1.5].map((value) => ({ id: `${value}`, value })),
  )
  const rank = (value: number) => (value < 3 ? Math.floor(value) : undefined)
  expect([1, 2, 3, 4].map(() => stock.take('key', rank))).toEqual([1, 1.5, 2, undefined])
  expect([stock.take('key'), stock.size('key')]).toEqual([3, 0])
})

test('a wallet that is held with others than the pinned ones is not used with these', () => {
  const nodes = [1, 2, 3, 4].map((index) => ({ exchange: new Uint8Array(32), identity: identityOf(index) }))
  const keys = { ...nodes[0]!, committee: { threshold: 2, nodes } }
  expect(() => requireTheirs(keys, share)).not.toThrow()
  const pair = { exchange: new Uint8Array(32), identity: identityOf(2) }
  const ofPair = dealtKey(fast, 2, seeded('pair')).keys.get(partyIndex(1))!.share
  expect(() => requireTheirs(pair, ofPair)).not.toThrow()
  const strangers = [
    [pair, share],
    [keys, ofPair],
    [{ ...keys, committee: { threshold: 3, nodes } }, share],
    [{ ...keys, committee: { threshold: 2, nodes: nodes.toReversed() } }, share],
  ] as const
  for (const [pinned, held] of strangers) expect(() => requireTheirs(pinned, held)).toThrow(code('PIN_MISMATCH'))
})

test('a bundle of backups is read as it was written, and no other bytes are', () => {
  const entries = [1, 3].map((index) => ({ index: partyIndex(index), encryptedData: seeded(index)(limits.PVE_BYTES) }))
  const bundle = bundleBackups(entries)
  expect(readBackupBundle(bundle)).toEqual(entries)
  const bad = [
    bundle.slice(1),
    bundle.slice(0, -1),
    new Uint8Array(),
    bundle.with(0, 0),
    bundle.with(0, 3),
    bundle.with(0, 32),
  ]
  for (const bytes of bad) expect(() => readBackupBundle(bytes)).toThrow(code('BACKUP'))
})
