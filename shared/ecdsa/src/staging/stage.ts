import { UsageError } from '@tandem/rounds'
import { equalBytes } from '../math/bytes.ts'

// When a staged epoch comes into force, and what may be erased when, as pure functions: Sigpair runs them inside one
// transaction, the device inside one atomic write, and a test explores every order of theirs that loss, repetition and
// delay allow. Source: docs/spec/refresh.md, section 3.

/** What both ends know an epoch by. The rest of a record is theirs. */
export type EpochName = {
  /** drawn by Sigpair when the dialogue begins, 32 bytes: nobody can ask about it before */
  readonly stageId: Uint8Array
  readonly epoch: number
}

/** What Sigpair can say of a stage. It signs the first two: they never change. */
export type Fate = 'committed' | 'aborted' | 'staged' | 'unknown'

/** Sigpair's side of one key. At most one of `begun` and `stage` is there. */
export type ServerKey<E extends EpochName> = {
  readonly current: E | null
  /** the stage id of the dialogue begun last, until its result is stored: no other may be stored */
  readonly begun: Uint8Array | null
  readonly stage: ServerStage<E> | null
}

export type ServerStage<E extends EpochName> = {
  readonly held: E
  /** the device's acknowledgement has arrived and is valid: it holds the other half */
  readonly acknowledged: boolean
  /** `backupHash` of the new backup of this side's share, once it is made */
  readonly backup: Uint8Array | null
}

/** The device's side of one key. */
export type DeviceKey<E extends EpochName> = {
  readonly current: E | null
  readonly stage: E | null
}

/** What to write, all at once, and what is erased by it. */
export type Change<Key, E, Answer = Fate> = {
  readonly key: Key
  readonly erase: readonly E[]
  readonly answer: Answer
}

type ServerChange<E extends EpochName, Answer = Fate> = Change<ServerKey<E>, E, Answer>

/** Sigpair opens a dialogue. What was staged or begun before is aborted. */
export function beginStage<E extends EpochName>(key: ServerKey<E>, stageId: Uint8Array): ServerChange<E> {
  return { key: { ...key, begun: stageId, stage: null }, erase: stagedOf(key), answer: 'staged' }
}

/** Sigpair has verified everything; its acknowledgement leaves only if the answer is `staged`. */
export function storeStage<E extends EpochName>(key: ServerKey<E>, held: E): ServerChange<E> {
  if (!key.begun || !equalBytes(key.begun, held.stageId)) return keep(key, fateOf(key, held)) // check L9
  const stage = { held, acknowledged: false, backup: null }
  return { key: { ...key, begun: null, stage }, erase: [], answer: 'staged' }
}

/** A valid acknowledgement of the device has arrived. */
export function acknowledgeStage<E extends EpochName>(key: ServerKey<E>, name: EpochName): ServerChange<E> {
  return amend(key, name, { acknowledged: true })
}

/** The new backup of Sigpair's share exists; the device will confirm that it keeps it. */
export function backUpStage<E extends EpochName>(
  key: ServerKey<E>,
  name: EpochName,
  backup: Uint8Array,
): ServerChange<E> {
  return amend(key, name, { backup })
}

/** Why a stage that is there cannot be committed yet. */
export type NotYet = 'unacknowledged' | 'unbacked'

/**
 * The owner puts the stage in force. Repeatable. A first epoch owes no backup: there is none that could go stale.
 *
 * @param confirmed the `backupHash` the owner's signed intent confirms to have stored, or that it needs none
 */
export function commitStage<E extends EpochName>(
  key: ServerKey<E>,
  name: EpochName,
  confirmed: Uint8Array | 'waived',
): ServerChange<E, Fate | NotYet> {
  const { current, stage } = key
  if (!stage) return keep(key, fateOf(key, name))
  const { held, acknowledged, backup } = stage
  if (!isNamed(held, name)) return keep(key, fateOf(key, name)) // check L9
  if (held.epoch !== nextEpoch(current)) return keep(key, 'unknown') // check L3
  if (!acknowledged) return keep(key, 'unacknowledged') // check L10
  if (current && !isConfirmed(backup, confirmed)) return keep(key, 'unbacked') // check L12
  return { key: { current: held, begun: null, stage: null }, erase: current ? [current] : [], answer: 'committed' }
}

/** The device asks for it, or the stage is too old. Repeatable. */
export function abortStage<E extends EpochName>(key: ServerKey<E>, name: EpochName): ServerChange<E> {
  if (fateOf(key, name) !== 'staged') return keep(key, fateOf(key, name)) // check L9
  return { key: { ...key, begun: null, stage: null }, erase: stagedOf(key), answer: 'aborted' }
}

/** Only what is begun or staged can still be committed, so everything else that could come next is aborted for ever. */
export function fateOf<E extends EpochName>({ current, begun, stage }: ServerKey<E>, name: EpochName): Fate {
  if (current && isNamed(current, name)) return 'committed'
  if (stage && isNamed(stage.held, name)) return 'staged'
  if (begun && equalBytes(begun, name.stageId)) return 'staged'
  return name.epoch === nextEpoch(current) ? 'aborted' : 'unknown'
}

/**
 * The device has verified everything; its acknowledgement leaves after this is durable.
 *
 * @throws {UsageError} while another stage is open: it may be in force already, so ask for its fate first
 */
export function openStage<E extends EpochName>(key: DeviceKey<E>, stage: E): DeviceKey<E> {
  if (key.stage) throw new UsageError('a stage is open') // check L9
  if (stage.epoch !== nextEpoch(key.current)) throw new UsageError('not the next epoch') // check L3
  return { ...key, stage }
}

/**
 * What the device does on Sigpair's word, once its signature holds. On anything but a receipt it keeps both.
 *
 * @returns the fate of the stage that is open now, `unknown` unless the word was about it
 */
export function closeStage<E extends EpochName>(
  key: DeviceKey<E>,
  name: EpochName,
  fate: Fate,
): Change<DeviceKey<E>, E> {
  const { current, stage } = key
  if (!stage) return keep(key, 'unknown')
  if (!isNamed(stage, name)) return keep(key, 'unknown') // check L9
  if (fate === 'committed')
    return { key: { current: stage, stage: null }, erase: current ? [current] : [], answer: fate }
  if (fate === 'aborted') return { key: { current, stage: null }, erase: [stage], answer: fate }
  return keep(key, fate)
}

function amend<E extends EpochName>(
  key: ServerKey<E>,
  name: EpochName,
  news: Partial<Omit<ServerStage<E>, 'held'>>,
): ServerChange<E> {
  const { stage } = key
  if (!stage) return keep(key, fateOf(key, name))
  if (!isNamed(stage.held, name)) return keep(key, fateOf(key, name)) // check L9
  return { key: { ...key, stage: { ...stage, ...news } }, erase: [], answer: 'staged' }
}

function keep<Key, Answer>(key: Key, answer: Answer): Change<Key, never, Answer> {
  return { key, erase: [], answer }
}

function stagedOf<E extends EpochName>({ stage }: ServerKey<E>): readonly E[] {
  return stage ? [stage.held] : []
}

function isNamed(held: EpochName, { stageId, epoch }: EpochName): boolean {
  return equalBytes(held.stageId, stageId) && held.epoch === epoch
}

function isConfirmed(backup: Uint8Array | null, confirmed: Uint8Array | 'waived'): boolean {
  return confirmed === 'waived' || (backup !== null && equalBytes(backup, confirmed))
}

function nextEpoch(current: EpochName | null): number {
  return current ? current.epoch + 1 : 0
}
