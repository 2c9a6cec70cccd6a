import { equalBytes } from '../math/bytes.ts'

// When a key that n parties staged comes into force, and what may be erased when, as pure functions: every party runs them
// inside one durable write, and a test explores every order that loss, repetition and delay allow. A NACK, a timeout and a
// part of the acknowledgements change nothing, so there is no function for them. Source: docs/spec/reshare.md, section 5.

/** What all parties know a stage by. Totally ordered: where two of them are certified, the later one wins. */
export type HandoverName = {
  /** how many runs of this key its initiator knew of: above all that any participant has staged or seen certified */
  readonly attempt: number
  /** 32 bytes, never used before; they decide between two initiators who counted alike */
  readonly stageId: Uint8Array
}

/** One party's side of one key. */
export type MemberKey<H extends HandoverName> = {
  /** our share of the committee in force, as far as we know; null before we join and after we left */
  readonly current: H | null
  /** what we acknowledged and no certificate has decided yet, in order */
  readonly stages: readonly H[]
  /** the latest certificate seen: kept and forwarded for ever */
  readonly certified: HandoverName | null
}

/** What a party can say of a stage. `superseded`: a later one is certified, this one will never be in force. */
export type HandoverFate = 'certified' | 'staged' | 'superseded' | 'unknown'

/** What to write, all at once, and what is erased by it. */
export type HandoverChange<H extends HandoverName> = {
  readonly key: MemberKey<H>
  readonly erase: readonly H[]
  readonly answer: HandoverFate
}

/** Everything of a run is verified. Our acknowledgement leaves only if the answer is `staged`, and after this is durable. */
export function stageHandover<H extends HandoverName>(key: MemberKey<H>, held: H): HandoverChange<H> {
  if (!mayBegin(key, held)) return keep(key, fateOfHandover(key, held)) // check L9
  return { key: { ...key, stages: [...key.stages, held] }, erase: [], answer: 'staged' }
}

/**
 * The certificate of a stage has arrived and holds (certificate.ts); whoever brought it, and whatever we heard before.
 * We adopt it, or leave if we hold no share of it. Later stages stay: they may be certified already, elsewhere.
 */
export function certifyHandover<H extends HandoverName>(key: MemberKey<H>, name: HandoverName): HandoverChange<H> {
  const { current, stages, certified } = key
  if (certified && !isAfter(name, certified)) return keep(key, fateOfHandover(key, name)) // check L4
  const held = stages.find((stage) => isNamed(stage, name)) ?? null
  const decided = stages.filter((stage) => isAfter(name, stage))
  return {
    key: { current: held, stages: stages.filter((stage) => isAfter(stage, name)), certified: name },
    erase: [...(current ? [current] : []), ...decided],
    answer: 'certified',
  }
}

/** Whether we may take part in a run of this name: one name is staged once, and never after it could have been decided. */
export function mayBegin<H extends HandoverName>({ stages, certified }: MemberKey<H>, name: HandoverName): boolean {
  const latest = stages.at(-1) ?? certified
  return latest === null || isAfter(name, latest)
}

/**
 * Whether to answer with our certificate whoever speaks of this run: in a stage it asks about, a message of the run, or an
 * old share it would sign with. Nobody who meets one that knows stays behind.
 */
export function owesCertificate<H extends HandoverName>({ certified }: MemberKey<H>, name: HandoverName): boolean {
  return certified !== null && !isAfter(name, certified)
}

export function fateOfHandover<H extends HandoverName>(
  { stages, certified }: MemberKey<H>,
  name: HandoverName,
): HandoverFate {
  if (certified && isNamed(certified, name)) return 'certified'
  if (certified && isAfter(certified, name)) return 'superseded'
  return stages.some((stage) => isNamed(stage, name)) ? 'staged' : 'unknown'
}

function isAfter(a: HandoverName, b: HandoverName): boolean {
  if (a.attempt !== b.attempt) return a.attempt > b.attempt
  const at = a.stageId.findIndex((byte, i) => byte !== b.stageId[i])
  return at >= 0 && a.stageId[at]! > b.stageId[at]!
}

function isNamed(a: HandoverName, b: HandoverName): boolean {
  return a.attempt === b.attempt && equalBytes(a.stageId, b.stageId)
}

function keep<H extends HandoverName>(key: MemberKey<H>, answer: HandoverFate): HandoverChange<H> {
  return { key, erase: [], answer }
}
