import { type Channel, type PartyIndex, partyIndex } from '@tandem/rounds'
import { type CommitteeHello, limits, subprotocolsOf, toHex, WIRE_VERSIONS } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { DEVICE, deviceIndexOf, membersOf } from '../members.ts'
import type { PinnedKeys } from '../pin.ts'
import type { Platform } from '../platform.ts'
import { type Dialogue, type DialogueRequest, openDialogue } from './dialogue.ts'
import { openMux } from './mux.ts'

/** A dialogue with everybody at once: one with Sigpair, or one with each member that takes part. */
export type Legs = {
  /** the party this device is */
  readonly self: PartyIndex
  /** everybody who takes part, ascending, this device too */
  readonly signers: readonly PartyIndex[]
  readonly each: ReadonlyMap<PartyIndex, Dialogue>
  /** names what keygen, refresh and recover stage, 0x-hex */
  readonly stageId: string | undefined
  /** to whom a message is for; from whom one is awaited */
  readonly channel: Channel
  readonly close: () => void
}

export type LegsRequest = Omit<DialogueRequest, 'member' | 'self'> & {
  readonly keys: PinnedKeys
  /** beside a committee: who of those the gateway reaches is to sign; absent if all are needed */
  readonly choose?: ((reached: readonly number[]) => readonly PartyIndex[]) | undefined
}

/** @throws {TandemError} as {@link openDialogue}; `UNAVAILABLE` while members are away without whom it cannot be */
export async function openLegs(platform: Platform, request: LegsRequest): Promise<Legs> {
  const { keys } = request
  const self = deviceIndexOf(keys)
  if (keys.committee !== undefined) return openCommittee(platform, request, self)
  const [member] = membersOf(keys)
  const dialogue = await openDialogue(platform, { ...request, member: member!, self })
  return legsOf(self, new Map([[member!.index, dialogue]]), dialogue.answer.stageId)
}

/** @param stageId 0x-hex */
export function legsOf(self: PartyIndex, each: ReadonlyMap<PartyIndex, Dialogue>, stageId?: string): Legs {
  const leg = (index: PartyIndex) => {
    const found = each.get(index)
    if (found === undefined) throw new RangeError(`party ${index} takes no part`)
    return found
  }
  const channel: Channel = {
    send: async (message) => blaming(self, message.to, leg(message.to).channel.send(message)),
    receive: async (from, signal) => blaming(self, from, leg(from).channel.receive(from, signal)),
  }
  const close = () => {
    for (const dialogue of each.values()) dialogue.close()
  }
  return { self, signers: [...each.keys(), self].toSorted((a, b) => a - b), each, stageId, channel, close }
}

/** Says that the result is durable here, and waits until everybody's is. @returns what each said, by index */
export async function finish(legs: Legs): Promise<ReadonlyMap<PartyIndex, unknown>> {
  for (const dialogue of legs.each.values()) dialogue.sendControl('stored')
  return fromEach(legs, async (dialogue) => dialogue.receiveControl('done'))
}

/** The same question to everybody, all at once. A failure names who it was. */
export async function fromEach<T>(
  { self, each }: Legs,
  ask: (dialogue: Dialogue, index: PartyIndex) => Promise<T>,
): Promise<ReadonlyMap<PartyIndex, T>> {
  const answers = [...each].map(
    async ([index, dialogue]) => [index, await blaming(self, index, ask(dialogue, index))] as const,
  )
  return new Map(await Promise.all(answers))
}

async function openCommittee(platform: Platform, request: LegsRequest, self: PartyIndex): Promise<Legs> {
  const { keys, hello, sigpairUrl, choose, versions = WIRE_VERSIONS } = request
  const offer = subprotocolsOf('tandem.committee', versions)
  const mux = openMux(platform, platform.connect(`${sigpairUrl}/v1/${hello.op}`, offer))
  try {
    const reached = await mux.reached
    const chosen = choose ? choose(reached) : everybody(keys, reached)
    const [session, stageId] = [toHex(platform.random(32)), choose ? undefined : toHex(platform.random(32))]
    const committee: CommitteeHello =
      stageId === undefined ? { session, signers: [...chosen, self].toSorted((a, b) => a - b) } : { session, stageId }
    const members = membersOf(keys).filter(({ index }) => chosen.includes(index))
    const opening = members.map(async (member) => {
      const own = { ...platform, connect: () => mux.connect(member.index) }
      const asked = { ...request, hello: { ...hello, committee }, member, self, dialogueMs: dialogueMsOf(request) }
      return [member.index, await blaming(self, member.index, openDialogue(own, asked))] as const
    })
    const legs = legsOf(self, new Map(await Promise.all(opening)), stageId)
    for (const [index, { answer }] of legs.each) requireSameStage(index, stageId, answer.stageId)
    return { ...legs, close: closing(legs, mux.close) }
  } catch (failure) {
    mux.close()
    throw failure
  }
}

/** With more members there is more to compute. Source: docs/spec/gateway.md 3.4. */
function dialogueMsOf({ keys: { committee }, hello: { op } }: LegsRequest): number {
  if (committee === undefined) return limits.DIALOGUE_MS
  const sizes = { members: committee.nodes.length, threshold: committee.threshold }
  return limits.DIALOGUE_MS + limits.dialogueGrowthMs(op, sizes)
}

function closing(legs: Legs, closeSocket: () => void): () => void {
  return () => {
    legs.close()
    closeSocket()
  }
}

function everybody({ committee }: PinnedKeys, reached: readonly number[]): readonly PartyIndex[] {
  const all = (committee?.nodes ?? []).map((_, at) => partyIndex(at + 1))
  const away = all.filter((index) => !reached.includes(index))
  if (away.length === 0) return all
  throw new TandemError('UNAVAILABLE', 'New shares need every member of the committee; try again when all are there.', {
    details: away.map((index) => `member ${index}`).join(', '),
  })
}

/** A member may say which stage it means; another one than ours it must not mean. */
function requireSameStage(index: PartyIndex, ours: string | undefined, theirs: string | undefined): void {
  if (ours === undefined || theirs === undefined || theirs.toLowerCase() === ours) return
  throw new TandemError('ANSWER_REFUSED', 'A member speaks of another stage.').by([index])
}

/** Beside a committee a failure says whose dialogue failed; a pair has only one. */
async function blaming<T>(self: PartyIndex, index: PartyIndex, act: Promise<T>): Promise<T> {
  if (self === DEVICE) return act
  return act.catch((cause: unknown) => {
    throw cause instanceof TandemError && cause.members === undefined ? cause.by([index]) : cause
  })
}
