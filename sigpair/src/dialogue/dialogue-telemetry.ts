import { randomUUID } from 'node:crypto'
import { count, entrySpan, inScope, inThisScope, measure, readTraceparent, type Span } from '@tandem/service'
import type { ErrorCode, TicketOperation } from '@tandem/wire'
import type { AbortFacts } from '../compute/port-messages.ts'
import type { Link } from './link.ts'
import type { Operation } from './operation.ts'

/** What is told of one dialogue: how long, which rounds, how it ended. Nothing of whose it is. */
export type DialogueWatch = {
  /** the dialogue's own id, in every line of its log */
  readonly id: string
  /**
   * The rest of the dialogue, once its ticket holds: in a span under the request the ticket came from.
   *
   * @param traceparent of the ticket
   */
  readonly admitted: (traceparent: string | undefined, rest: () => Promise<void>) => Promise<void>
  readonly link: (link: Link) => Link
  readonly operation: (operation: Operation) => Operation
  /** @param line writes the log, in the dialogue's trace */
  readonly ended: (code: ErrorCode | 'OK', cause: unknown, line: () => void) => void
}

/** Source: docs/deploy/observability.md, sections 1 and 3. */
export function watchDialogue(dialogue: TicketOperation): DialogueWatch {
  const id = randomUUID()
  const startedAt = Date.now()
  const attributes = { 'tandem.dialogue': dialogue, 'network.protocol.name': 'websocket' }
  let span: Span | undefined
  let write = (line: () => void) => inScope({ requestId: id }, line)
  return {
    id,
    admitted: async (traceparent, rest) =>
      inScope({ requestId: id, trace: readTraceparent(traceparent) }, async () =>
        entrySpan({ name: `dialogue ${dialogue}`, kind: 'server', attributes, startedAt }, async (opened) => {
          span = opened
          write = inThisScope((line: () => void) => line())
          await rest()
        }),
      ),
    link: (link) => timedLink(link, { 'tandem.dialogue': dialogue }, span),
    operation: countingStock,
    ended: (code, cause, line) => {
      measure('tandem.dialogue.duration', (Date.now() - startedAt) / 1000, { ...attributes, 'tandem.code': code })
      if (dialogue === 'sign' && code === 'OK') count('tandem.signatures', { 'tandem.signing': 'dialogue' })
      countAbort(cause, dialogue)
      write(line)
    },
  }
}

/** A message of a party took from the other's last one until now: the device's time has the network in it. */
function timedLink(link: Link, attributes: { readonly 'tandem.dialogue': string }, span: Span | undefined): Link {
  let since = performance.now()
  const mark = (party: 'device' | 'sigpair', protocol: string, round: number) => {
    const said = { ...attributes, 'tandem.protocol': protocol, 'tandem.round': round, 'tandem.party': party }
    const now = performance.now()
    measure('tandem.dialogue.round.duration', (now - since) / 1000, said)
    span?.event('round', said)
    since = now
  }
  return {
    ...link,
    hear: async () => {
      const heard = await link.hear()
      if (heard.said === 'message') mark('device', heard.message.protocol, heard.message.round)
      return heard
    },
    send: (message) => {
      mark('sigpair', message.protocol, message.round)
      link.send(message)
    },
  }
}

function countingStock(operation: Operation): Operation {
  return {
    ...operation,
    record: async (entry) => {
      await operation.record(entry)
      if (entry.entry === 'presignature') count('tandem.presignatures', { 'tandem.stock': 'made' })
    },
  }
}

/** The operator may know which check it was; the device hears one constant for all of them. */
function countAbort(error: unknown, dialogue: TicketOperation): void {
  const abort = error instanceof Error ? error.cause : undefined
  if (typeof abort !== 'object' || abort === null || !('verdict' in abort)) return
  const { code, verdict } = abort as AbortFacts
  count('tandem.aborts', { 'tandem.dialogue': dialogue, 'tandem.abort': code, 'tandem.verdict': verdict })
}
