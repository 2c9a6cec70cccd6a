import type { Exchange, Inbox, PartyIndex, Protocol } from '@tandem/rounds'
import { decodeFrame, encodeFrame } from '@tandem/wire'

/** What a run of all parties came to, and every byte that travelled, headers included. */
export type Together<Out> = { readonly outputs: readonly Out[]; readonly bytes: number }

/**
 * All parties one after the other on this thread, with real frames and no network: what a run costs in computation.
 *
 * @throws what a party throws
 */
export function inTurn<Out>(protocols: ReadonlyMap<PartyIndex, Protocol<Out>>): Together<Out> {
  const outputs = new Map<PartyIndex, Out>()
  const mail = new Map<string, Uint8Array>()
  let inboxes: ReadonlyMap<PartyIndex, Inbox> = new Map([...protocols.keys()].map((party) => [party, new Map()]))
  let bytes = 0

  while (outputs.size < protocols.size) {
    const waiting = new Map<PartyIndex, Exchange>()
    for (const [party, inbox] of inboxes) {
      const step = untilExchange(protocols.get(party)!, inbox)
      if (step.done) outputs.set(party, step.output)
      else waiting.set(party, step.exchange)
    }
    for (const [from, { header, send }] of waiting) {
      for (const [to, body] of send) {
        const frame = encodeFrame({ ...header, from, to, body })
        mail.set(`${from}→${to}`, frame)
        bytes += frame.length
      }
    }
    inboxes = new Map([...waiting].map(([party, { expect }]) => [party, receive(mail, party, [...expect.keys()])]))
  }
  return { outputs: [...protocols.keys()].map((party) => outputs.get(party)!), bytes }
}

type Stop<Out> = { readonly done: true; readonly output: Out } | { readonly done: false; readonly exchange: Exchange }

/** Journal entries are durable at once, pauses are none. */
function untilExchange<Out>(protocol: Protocol<Out>, inbox: Inbox): Stop<Out> {
  let step = protocol.next(inbox)
  while (!step.done && step.value.step !== 'exchange') step = protocol.next(new Map())
  return step.done ? { done: true, output: step.value } : { done: false, exchange: step.value as Exchange }
}

function receive(mail: Map<string, Uint8Array>, self: PartyIndex, from: readonly PartyIndex[]): Inbox {
  return new Map(from.map((j) => [j, decodeFrame(mail.get(`${j}→${self}`)!).body]))
}
