import { encodeMux, type MuxMessage } from '@tandem/wire'
import { openMux } from '../../shared/client/src/dialogue/mux.ts'
import type { Socket } from '../../shared/client/src/platform.ts'

/** A socket to a gateway, as the gateway sees it. */
function paperSocket() {
  const sent: Uint8Array[] = []
  const socket: Socket & { closed: boolean } = {
    ...{ binaryType: 'blob', readyState: 1, closed: false },
    ...{ onopen: null, onmessage: null, onclose: null, onerror: null },
    send: (bytes) => void sent.push(bytes),
    close: () => {
      socket.closed = true
    },
  }
  const hear = (message: MuxMessage | Uint8Array) => {
    const bytes = message instanceof Uint8Array ? message : encodeMux(message)
    socket.onmessage?.({ data: bytes.slice().buffer })
  }
  return { socket, sent, hear }
}

const timers: (() => void)[] = []
const after = (_: number, act: () => void) => {
  timers.push(act)
  return () => undefined
}
afterEach(() => {
  timers.length = 0
})

function opened() {
  const paper = paperSocket()
  const mux = openMux({ after }, paper.socket)
  const legs = [1, 2].map((index) => {
    const socket = mux.connect(index)
    const heard: unknown[] = []
    socket.onmessage = ({ data }) => heard.push([...new Uint8Array(data as ArrayBuffer)])
    socket.onclose = ({ code, reason }) => heard.push(`${code} ${reason}`)
    return { socket, heard }
  })
  return { ...paper, mux, legs }
}

const data = (index: number, ...bytes: number[]): MuxMessage => ({
  type: 'data',
  index,
  payload: Uint8Array.from(bytes),
})

test('each member has a socket of its own on the one to the gateway', async () => {
  const { hear, mux, legs, sent } = opened()
  hear({ type: 'nodes', nodes: [1, 2] })
  await expect(mux.reached).resolves.toEqual([1, 2])
  hear(data(2, 7))
  hear(data(1, 8))
  hear({ type: 'close', index: 2, code: 4028, reason: 'UNAVAILABLE' })
  hear(data(2, 9))
  hear(data(3, 9))
  expect(legs.map(({ heard }) => heard)).toEqual([[[8]], [[7], '4028 UNAVAILABLE']])
  for (const { socket } of legs) socket.send(Uint8Array.of(5))
  legs[0]!.socket.close()
  legs[0]!.socket.send(Uint8Array.of(6))
  hear(data(1, 6))
  expect(sent).toEqual([encodeMux(data(1, 5)), encodeMux({ type: 'close', index: 1, code: 1000, reason: '' })])
  expect(legs[0]!.heard).toEqual([[8]])
})

test('a socket of a member opens by itself', async () => {
  const { mux } = opened()
  await new Promise<void>((resolve) => {
    mux.connect(3).onopen = resolve
  })
})

test('when the gateway goes, all go', async () => {
  const { socket, mux, legs } = opened()
  socket.onclose?.({ code: 4028, reason: 'UNAVAILABLE' })
  await expect(mux.reached).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(legs.map(({ heard }) => heard)).toEqual([['4028 UNAVAILABLE'], ['4028 UNAVAILABLE']])
})

test('a gateway that does not say whom it reaches is not waited for', async () => {
  const { socket, mux } = opened()
  for (const late of timers) late()
  await expect(mux.reached).rejects.toMatchObject({ code: 'NETWORK' })
  expect(socket.closed).toBe(true)
})

test('a gateway that speaks out of turn, or nonsense, is left', async () => {
  const nodes: MuxMessage = { type: 'nodes', nodes: [1] }
  const nonsense: (readonly (MuxMessage | Uint8Array)[])[] = [
    [data(1, 1)],
    [{ type: 'close', index: 1, code: 1000, reason: '' }],
    [nodes, nodes],
    [nodes, Uint8Array.of(1, 9, 9)],
    [Uint8Array.of()],
  ]
  for (const messages of nonsense) {
    const { hear, legs, socket } = opened()
    for (const message of messages) hear(message)
    expect(socket.closed).toBe(true)
    expect(legs[0]!.heard).toEqual(['4023 '])
  }
})
