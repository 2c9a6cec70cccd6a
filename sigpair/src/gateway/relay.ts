import type { Log } from '@tandem/service'
import { decodeMux, encodeMux, ERRORS, limits, type MuxMessage, WireError } from '@tandem/wire'
import type { Arrival } from '../server.ts'
import { type End, endOf, type Line } from './channel-ws.ts'
import type { GatewayDeadlines } from './config.ts'

export type RelayDeps = {
  /** n */
  readonly members: number
  /** t */
  readonly threshold: number
  /** opens a leg's other end; whatever goes wrong with it shows in how it ends */
  readonly dial: (index: number, arrival: Arrival) => Line
  /** indices of the members that take devices now, ascending */
  readonly reached: () => Promise<readonly number[]>
  readonly deadlines: Pick<GatewayDeadlines, 'legMs' | 'idleMs' | 'dialogueMs'>
  readonly log: Log
}

/** Messages that may wait in each direction of a leg: who keeps to the rounds is never two ahead. */
const MAX_WAITING = 4

/** RFC 6455: whoever was spoken with is gone. */
const GOING_AWAY = 1001

/** A dialogue with one member, inside the device's socket. */
type Leg = {
  readonly index: number
  readonly line: Line
  /** messages handed over and not yet taken by the system */
  toMember: number
  toDevice: number
  /** what still comes for it is dropped */
  over: boolean
}

type Board = RelayDeps & {
  readonly device: Line
  readonly arrival: Arrival
  readonly legs: Map<number, Leg>
}

/**
 * Carries messages between one device and the members, to the end of all their dialogues. It reads two bytes of each: the
 * rest is sealed. A leg that fails ends alone; never rejects.
 *
 * Source: docs/spec/gateway.md, section 2.
 */
export async function relay(deps: RelayDeps, device: Line, arrival: Arrival): Promise<void> {
  const legs: Board['legs'] = new Map()
  const board = { ...deps, device, arrival, legs }
  const begun = performance.now()
  const watch = watchOver(board)
  device.hear((bytes) => {
    takeFromDevice(board, bytes, watch.touch)
    watch.touch()
  })
  void deps.reached().then((nodes) => device.send(encodeMux({ type: 'nodes', nodes })))

  const { code } = await device.gone
  watch.stop()
  for (const { line } of legs.values()) line.close(GOING_AWAY, '')
  await Promise.all([...legs.values()].map(({ line }) => line.gone))
  const members = [...legs.keys()].toSorted((a, b) => a - b)
  const ms = Math.round(performance.now() - begun)
  deps.log.info({ event: 'relayed', operation: arrival.operation, members, code, ms })
}

function takeFromDevice(board: Board, bytes: Uint8Array, touch: () => void): void {
  const { device, legs } = board
  try {
    const message = decodeMux(bytes)
    if (message.type === 'nodes' || message.index > board.members) throw new WireError('FRAME_INVALID', 'index')
    const leg = legs.get(message.index)
    if (message.type === 'data')
      return passToMember(board, leg ?? openLeg(board, message.index, touch), message.payload)
    if (leg) closeToMember(leg, message)
  } catch (error) {
    const { code, reason } = endOf(error instanceof WireError ? error.code : 'INTERNAL')
    device.close(code, reason)
  }
}

function openLeg(board: Board, index: number, touch: () => void): Leg {
  const { arrival, legs } = board
  if (legs.size === 0) arrival.started()
  const line = board.dial(index, arrival)
  const leg: Leg = { index, line, toMember: 0, toDevice: 0, over: false }
  legs.set(index, leg)
  line.hear((bytes) => {
    touch()
    passToDevice(board, leg, bytes)
  })
  void line.gone.then((end) => {
    endLeg(board, leg, end)
    touch()
  })
  return leg
}

/** Nothing is held back for one member: that would hold the others' messages back, too. */
function passToMember(board: Board, leg: Leg, payload: Uint8Array): void {
  if (leg.over) return
  if (leg.toMember >= MAX_WAITING) return endLeg(board, leg, endOf('FRAME_INVALID'))
  leg.toMember += 1
  void leg.line.send(payload).then(() => {
    leg.toMember -= 1
  })
}

function passToDevice(board: Board, leg: Leg, payload: Uint8Array): void {
  if (leg.over) return
  if (payload.length === 0) return endLeg(board, leg, endOf('FRAME_INVALID'))
  leg.toDevice += 1
  if (leg.toDevice >= MAX_WAITING) leg.line.pause()
  void board.device.send(encodeMux({ type: 'data', index: leg.index, payload })).then(() => {
    leg.toDevice -= 1
    leg.line.resume()
  })
}

/** The device has had enough of this member. */
function closeToMember(leg: Leg, { code, reason }: Extract<MuxMessage, { type: 'close' }>): void {
  leg.over = true
  leg.line.close(code, reason)
}

function endLeg({ device }: Board, leg: Leg, end: End): void {
  if (leg.over) return
  leg.over = true
  leg.line.close(end.code, end.reason)
  void device.send(encodeMux({ type: 'close', index: leg.index, ...end }))
}

/** Nobody keeps a socket by saying nothing, and nobody for longer than any dialogue lasts. */
function watchOver({ device, legs, arrival, deadlines, ...sizes }: Board) {
  const { legMs, idleMs } = deadlines
  const dialogueMs = deadlines.dialogueMs + limits.dialogueGrowthMs(arrival.operation, sizes)
  let idle: NodeJS.Timeout | undefined
  const isOpen = () => [...legs.values()].some(({ over }) => !over)
  const end = () => {
    if (legs.size > 0 && !isOpen()) device.close(1000, '')
    else device.close(ERRORS.MPC_SIGNING_FAILED.close, legs.size === 0 ? 'Round 0 timeout' : 'MPC_SIGNING_FAILED')
  }
  const total = setTimeout(end, dialogueMs)
  let stopped = false
  const touch = () => {
    clearTimeout(idle)
    if (stopped) return
    idle = setTimeout(end, isOpen() ? idleMs : legMs)
  }
  const stop = () => {
    stopped = true
    clearTimeout(idle)
    clearTimeout(total)
  }
  touch()
  return { touch, stop }
}
