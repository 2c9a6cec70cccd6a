import {
  abortStage,
  acknowledgeStage,
  backUpStage,
  beginStage,
  closeStage,
  commitStage,
  type DeviceKey,
  type EpochName,
  type Fate,
  fateOf,
  openStage,
  type ServerKey,
  storeStage,
} from '@tandem/ecdsa'
import { UsageError } from '@tandem/rounds'

/** Epochs with something of the host's, which comes back as it was. */
type Epoch = EpochName & { readonly share: string }

const epoch = (name: string, number: number): Epoch => ({
  stageId: new Uint8Array(32).fill(name.charCodeAt(0)),
  epoch: number,
  share: name,
})
const [old, next, other] = [epoch('a', 4), epoch('b', 5), epoch('c', 5)]
const hash = new Uint8Array(32).fill(7)

const idle: ServerKey<Epoch> = { current: old, begun: null, stage: null }
const begun: ServerKey<Epoch> = { ...idle, begun: next.stageId }
const staged: ServerKey<Epoch> = { ...idle, stage: { held: next, acknowledged: false, backup: null } }
const acknowledged: ServerKey<Epoch> = { ...idle, stage: { held: next, acknowledged: true, backup: null } }
const ready: ServerKey<Epoch> = { ...idle, stage: { held: next, acknowledged: true, backup: hash } }
const committed: ServerKey<Epoch> = { current: next, begun: null, stage: null }

const unchanged = (key: ServerKey<Epoch>, answer: Fate | 'unacknowledged' | 'unbacked') => ({ key, erase: [], answer })

describe('Sigpair', () => {
  test('goes from a dialogue to a commit, and erases the old epoch there and nothing before', () => {
    const steps = [
      beginStage(idle, next.stageId),
      storeStage(begun, next),
      acknowledgeStage(staged, next),
      backUpStage(acknowledged, next, hash),
    ]
    expect(steps).toEqual([begun, staged, acknowledged, ready].map((key) => unchanged(key, 'staged')))
    expect(commitStage(ready, next, hash)).toEqual({ key: committed, erase: [old], answer: 'committed' })
  })

  test('a new dialogue aborts what was staged', () => {
    expect(beginStage(ready, other.stageId)).toEqual({
      ...{ key: { ...idle, begun: other.stageId }, erase: [next], answer: 'staged' },
    })
    expect(fateOf(beginStage(ready, other.stageId).key, next)).toBe('aborted')
  })

  test('L9 stores only the result of the dialogue begun last', () => {
    expect(storeStage(begun, other)).toEqual(unchanged(begun, 'aborted'))
    expect(storeStage(idle, next)).toEqual(unchanged(idle, 'aborted'))
    expect(storeStage(committed, next)).toEqual(unchanged(committed, 'committed'))
  })

  test('L9 amends only the stage that is named', () => {
    expect(acknowledgeStage(staged, other)).toEqual(unchanged(staged, 'aborted'))
    expect(backUpStage(acknowledged, other, hash)).toEqual(unchanged(acknowledged, 'aborted'))
    expect(acknowledgeStage(idle, next)).toEqual(unchanged(idle, 'aborted'))
    expect(acknowledgeStage(committed, next)).toEqual(unchanged(committed, 'committed'))
  })

  test('L9 commits only the stage that is named', () => {
    expect(commitStage(ready, other, hash)).toEqual(unchanged(ready, 'aborted'))
    expect(commitStage(ready, { ...next, epoch: 6 }, hash)).toEqual(unchanged(ready, 'unknown'))
    expect(commitStage(begun, next, hash)).toEqual(unchanged(begun, 'staged'))
    expect(commitStage(idle, next, hash)).toEqual(unchanged(idle, 'aborted'))
  })

  test('a repeated commit changes nothing and says the same, for ever', () => {
    expect(commitStage(committed, next, hash)).toEqual(unchanged(committed, 'committed'))
    const later = { ...committed, stage: { held: epoch('d', 6), acknowledged: true, backup: hash } }
    expect(commitStage(later, next, hash)).toEqual(unchanged(later, 'committed'))
  })

  test('L3 commits only the epoch after the current one', () => {
    for (const number of [3, 4, 6]) {
      const wrong = epoch('b', number)
      const key = { ...idle, stage: { held: wrong, acknowledged: true, backup: hash } }
      expect(commitStage(key, wrong, hash)).toEqual(unchanged(key, 'unknown'))
    }
    const first = { current: null, begun: null, stage: { held: next, acknowledged: true, backup: hash } }
    expect(commitStage(first, next, hash).answer).toBe('unknown')
  })

  test('L10 commits nothing the device has not acknowledged', () => {
    const key = { ...idle, stage: { held: next, acknowledged: false, backup: hash } }
    expect(commitStage(key, next, hash)).toEqual(unchanged(key, 'unacknowledged'))
    expect(commitStage(key, next, 'waived')).toEqual(unchanged(key, 'unacknowledged'))
  })

  test('L12 commits nothing whose new backup the owner does not confirm or waive', () => {
    expect(commitStage(acknowledged, next, hash)).toEqual(unchanged(acknowledged, 'unbacked'))
    expect(commitStage(ready, next, new Uint8Array(32))).toEqual(unchanged(ready, 'unbacked'))
    expect(commitStage(ready, next, new Uint8Array(0))).toEqual(unchanged(ready, 'unbacked'))
    expect(commitStage(acknowledged, next, 'waived').answer).toBe('committed')
  })

  test('the first epoch owes no backup and has nothing to erase', () => {
    const first = epoch('f', 0)
    const key = { current: null, begun: null, stage: { held: first, acknowledged: true, backup: null } }
    expect(commitStage(key, first, 'waived')).toEqual({
      ...{ key: { ...committed, current: first }, erase: [], answer: 'committed' },
    })
    expect(commitStage(key, first, hash).answer).toBe('committed')
  })

  test('L9 aborts only the stage that is named, and nothing that is committed', () => {
    expect(abortStage(ready, next)).toEqual({ key: idle, erase: [next], answer: 'aborted' })
    expect(abortStage(begun, next)).toEqual({ key: idle, erase: [], answer: 'aborted' })
    expect(abortStage(ready, other)).toEqual(unchanged(ready, 'aborted'))
    expect(abortStage(committed, next)).toEqual(unchanged(committed, 'committed'))
    expect(abortStage(committed, old)).toEqual(unchanged(committed, 'unknown'))
  })
})

describe('the device', () => {
  const open: DeviceKey<Epoch> = { current: old, stage: next }
  const still = (answer: Fate, key: DeviceKey<Epoch> = open) => ({ key, erase: [], answer })

  test('keeps both until a receipt says which', () => {
    expect(openStage({ current: old, stage: null }, next)).toEqual(open)
    expect(closeStage(open, next, 'committed')).toEqual({
      ...{ key: { current: next, stage: null }, erase: [old], answer: 'committed' },
    })
    expect(closeStage(open, next, 'aborted')).toEqual({
      ...{ key: { current: old, stage: null }, erase: [next], answer: 'aborted' },
    })
    expect(closeStage(open, next, 'staged')).toEqual(still('staged'))
    expect(closeStage(open, next, 'unknown')).toEqual(still('unknown'))
  })

  test('L9 believes no receipt of another stage, and none when no stage is open', () => {
    for (const fate of ['committed', 'aborted'] as const) {
      expect(closeStage(open, other, fate)).toEqual(still('unknown'))
      expect(closeStage(open, { ...next, epoch: 6 }, fate)).toEqual(still('unknown'))
      const idle = { current: next, stage: null }
      expect(closeStage(idle, next, fate)).toEqual(still('unknown', idle))
    }
  })

  test('L9 takes no second stage while one is open', () => {
    expect(() => openStage(open, other)).toThrow(UsageError)
  })

  test('L3 takes no stage but of the next epoch', () => {
    for (const number of [0, 3, 4, 6]) {
      expect(() => openStage({ current: old, stage: null }, epoch('b', number))).toThrow(UsageError)
    }
    expect(() => openStage({ current: null, stage: null }, next)).toThrow(UsageError)
    expect(openStage({ current: null, stage: null }, epoch('b', 0)).stage!.epoch).toBe(0)
  })

  test('takes over a first key, with nothing to erase', () => {
    const first = epoch('f', 0)
    expect(closeStage({ current: null, stage: first }, first, 'committed')).toEqual({
      ...{ key: { current: first, stage: null }, erase: [], answer: 'committed' },
    })
  })
})
