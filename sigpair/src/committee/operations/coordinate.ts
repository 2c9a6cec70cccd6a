import { type ErrorCode, isErrorCode, toHex, WireError, type CallerRequest } from '@tandem/wire'
import type { NodeName } from '../network.ts'
import type { Note, NoteOf, Operation, Plan, Ready } from './messages.ts'
import type { Node } from './node.ts'
import { repeat } from './post.ts'

export type Answer =
  | { readonly kind: 'ready'; readonly ready: Ready }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly details: string }

export type Outcome = NoteOf<'done'> | NoteOf<'failed'>

/** A session as its coordinator sees it. */
export type Call = {
  readonly id: string
  readonly answers: Map<NodeName, Answer>
  readonly started: Set<NodeName>
  readonly outcomes: Map<NodeName, Outcome>
  readonly wake: Set<() => void>
}

export type Calls = Map<string, Call>

/** What is known of the answers decides more the later it is. */
export type Hour = 'early' | 'late' | 'last'

export type Decision<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'plan'; readonly plan: Plan }

/** What an operation adds to {@link coordinate}. */
export type Play<T> = {
  readonly request: CallerRequest & { readonly method: Operation }
  /** @returns undefined to wait. @throws {WireError} when it cannot be */
  readonly decide: (answers: ReadonlyMap<NodeName, Answer>, hour: Hour) => Decision<T> | undefined
  /** @returns undefined to wait. @throws {WireError} when it has failed */
  readonly outcome: (call: Call) => T | undefined
  /** in ms, from the start */
  readonly limitMs: number
}

/**
 * Prepare, ready, start: whoever was asked brings the nodes together, and decides nothing that they do not check. Broadcasts
 * are repeated until they are answered.
 *
 * Source: docs/spec/committee.md, section 5.
 */
export async function coordinate<T>(node: Node, play: Play<T>): Promise<T> {
  const { request } = play
  const call = openCall(node)
  const preparing = say(node, { type: `${request.method}Prepare`, sessionId: call.id, request })
  let starting = new AbortController()
  try {
    const decision = await decided(node, call, play)
    preparing.abort()
    if (decision.kind === 'answer') {
      node.post.broadcast({ type: 'abort', sessionId: call.id })
      return decision.answer
    }
    const { plan } = decision
    starting = say(node, { type: `${request.method}Start`, sessionId: call.id, plan })
    const acknowledged = () => plan.participants.every((name) => call.started.has(name)) && starting.abort()
    call.wake.add(acknowledged)
    const result = await until(node, call, play.limitMs, () => play.outcome(call))
    if (result === undefined) throw new WireError('MPC_SIGNING_FAILED', 'nobody answered in time')
    return result
  } catch (error) {
    node.post.broadcast({ type: 'abort', sessionId: call.id })
    throw node.closing.signal.aborted ? new WireError('UNAVAILABLE') : error
  } finally {
    preparing.abort()
    starting.abort()
    node.calls.delete(call.id)
  }
}

/** Prefers what the caller would like for as long as four sendings take, then takes what there is. */
async function decided<T>(node: Node, call: Call, play: Play<T>): Promise<Decision<T>> {
  const { repeatMs, readyMs } = node.timing
  const patience = Math.min(4 * repeatMs, readyMs)
  const decision =
    (await until(node, call, patience, () => play.decide(call.answers, 'early'))) ??
    (await until(node, call, readyMs - patience, () => play.decide(call.answers, 'late'))) ??
    play.decide(call.answers, 'last')
  if (decision === undefined) throw new WireError('UNAVAILABLE', 'nodes do not answer')
  return decision
}

function openCall(node: Node): Call {
  const id = toHex(node.arithmetic.rng(32))
  const call: Call = { id, answers: new Map(), started: new Set(), outcomes: new Map(), wake: new Set() }
  node.calls.set(id, call)
  return call
}

function say(node: Node, note: Note): AbortController {
  const stop = new AbortController()
  const { repeatMs: everyMs, readyMs: ms } = node.timing
  void repeat(() => node.post.broadcast(note), {
    everyMs,
    ms,
    signal: AbortSignal.any([stop.signal, node.closing.signal]),
  })
  return stop
}

/** What a peer answers, once it is of a session we coordinate. */
export function hearAnswer(node: Node, from: NodeName, note: Note): void {
  if (!('sessionId' in note)) return
  const call = node.calls.get(note.sessionId)
  if (!call) return
  if ('ready' in note) call.answers.set(from, { kind: 'ready', ready: note.ready })
  else if (note.type === 'started') call.started.add(from)
  else if (note.type === 'done' || note.type === 'failed') call.outcomes.set(from, note)
  else if (note.type === 'refused') {
    const code = isErrorCode(note.code) ? note.code : 'UNAVAILABLE'
    call.answers.set(from, { kind: 'refused', code, details: note.details })
  }
  for (const wake of call.wake) wake()
}

/** What `look` finds first, or undefined after `ms`. */
export async function until<T>(
  node: Pick<Node, 'closing'>,
  { wake }: Pick<Call, 'wake'>,
  ms: number,
  look: () => T | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      clearTimeout(timer)
      wake.delete(check)
      node.closing.signal.removeEventListener('abort', giveUp)
      act()
    }
    const check = () => {
      try {
        const found = look()
        if (found !== undefined) finish(() => resolve(found))
      } catch (error) {
        finish(() => reject(error))
      }
    }
    const giveUp = () => finish(() => reject(new WireError('UNAVAILABLE')))
    const timer = setTimeout(() => finish(() => resolve(undefined)), ms)
    node.closing.signal.addEventListener('abort', giveUp, { once: true })
    wake.add(check)
    if (node.closing.signal.aborted) giveUp()
    else check()
  })
}

/** The answers of those who are ready. */
export function readyOf(answers: ReadonlyMap<NodeName, Answer>): ReadonlyMap<NodeName, Ready> {
  return new Map([...answers].flatMap(([name, one]) => (one.kind === 'ready' ? [[name, one.ready] as const] : [])))
}

/**
 * Who is busy with another change of the key may be done with it soon: it is asked again as long as there is time.
 *
 * @throws {WireError} what one of these nodes has refused with
 */
export function throwRefusal(answers: ReadonlyMap<NodeName, Answer>, names: readonly NodeName[], hour: Hour): void {
  for (const name of names) {
    const answer = answers.get(name)
    if (answer?.kind !== 'refused' || (answer.code === 'KEY_BUSY' && hour !== 'last')) continue
    throw new WireError(answer.code, answer.details || undefined)
  }
}

/** How a run has failed, as this node or one of the others tells it. @returns undefined if none has */
export function failureOf({ outcomes }: Call, self: NodeName): NoteOf<'failed'> | undefined {
  for (const [name, outcome] of outcomes) {
    // Who misses acknowledgements only may still be given the certificate.
    if (outcome.type === 'failed' && (name === self || outcome.round < ACKNOWLEDGING)) return outcome
  }
  return undefined
}

/** The round in which acknowledgements travel. */
const ACKNOWLEDGING = 4

/** What the caller sees of it: the round and who was silent; nothing of a failed check. */
export function errorOf({ code, round, silent }: NoteOf<'failed'>): WireError {
  if (code === 'PROTOCOL_ABORTED') return new WireError('PROTOCOL_ABORTED')
  const details = `round ${round}${silent.length > 0 ? `, silent: ${silent.join(' ')}` : ''}`
  return isErrorCode(code) ? new WireError(code, details) : new WireError('MPC_SIGNING_FAILED', details)
}
