import { decodeMux, encodeMux, ERRORS, type ErrorCode, type MuxMessage } from '@tandem/wire'
import type { Socket } from '../../shared/client/src/platform.ts'
import { queue } from './queue.ts'

const COMMITTEE_SUBPROTOCOL = 'tandem.committee.v1'

/** A member's end of one leg. `next` rejects when the device is gone. */
export type PaperLeg = {
  readonly operation: string
  readonly send: (bytes: Uint8Array) => void
  readonly next: () => Promise<Uint8Array>
  readonly close: (code: ErrorCode) => void
  /** as a socket ended */
  readonly end: (code: number, reason: string) => void
}

export type PaperGateway = {
  readonly connect: (url: string, subprotocols: readonly string[]) => Socket
  /** indices the gateway does not reach */
  readonly away: Set<number>
  /** every message that passed, as it travelled */
  readonly passed: { readonly from: 'device' | 'gateway'; readonly message: MuxMessage }[]
}

/** A gateway without a network: what the device sends on one socket reaches `serve`, one leg for each member. */
export function paperGateway(members: readonly number[], serve: (index: number, leg: PaperLeg) => void): PaperGateway {
  const away = new Set<number>()
  const passed: PaperGateway['passed'] = []
  const connect = (url: string, subprotocols: readonly string[]): Socket => {
    if (!subprotocols.includes(COMMITTEE_SUBPROTOCOL))
      throw new TypeError(`a gateway does not speak ${subprotocols.join()}`)
    const operation = url.split('/').at(-1)!
    const legs = new Map<number, { readonly deliver: (bytes: Uint8Array) => void; readonly end: () => void }>()
    const toDevice = (message: MuxMessage) => {
      passed.push({ from: 'gateway', message })
      const data = encodeMux(message).slice().buffer
      setImmediate(() => socket.onmessage?.({ data }))
    }
    const open = (index: number) => {
      const inbox = queue<Uint8Array>()
      const leg = {
        operation,
        send: (payload: Uint8Array) => toDevice({ type: 'data', index, payload }),
        next: inbox.take,
        end: (code: number, reason: string) => toDevice({ type: 'close', index, code, reason }),
        close: (code: ErrorCode) => toDevice({ type: 'close', index, code: ERRORS[code].close, reason: code }),
      }
      legs.set(index, { deliver: inbox.put, end: inbox.end })
      if (away.has(index)) leg.close('UNAVAILABLE')
      else serve(index, leg)
    }
    const socket: Socket = {
      binaryType: 'arraybuffer',
      readyState: 1,
      protocol: COMMITTEE_SUBPROTOCOL,
      ...{ onopen: null, onmessage: null, onclose: null, onerror: null },
      send: (bytes) => {
        const message = decodeMux(bytes)
        passed.push({ from: 'device', message })
        if (message.type === 'nodes') throw new TypeError('only a gateway says whom it reaches')
        if (message.type === 'close') return legs.get(message.index)?.end()
        if (!legs.has(message.index)) open(message.index)
        legs.get(message.index)!.deliver(message.payload)
      },
      close: () => {
        for (const { end } of legs.values()) end()
      },
    }
    setImmediate(() => {
      socket.onopen?.()
      toDevice({ type: 'nodes', nodes: members.filter((index) => !away.has(index)) })
    })
    return socket
  }
  return { connect, away, passed }
}
