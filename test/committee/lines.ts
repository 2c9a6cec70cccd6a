import { type CutProxy, type Lane, openCutProxy, openLane } from './cut-proxy.ts'

/** Every line between the nodes of a committee, each through proxies of its own: by places, 1…n. */
export type Lines = {
  /** bytes of one node to another */
  readonly lane: (from: number, to: number) => Lane
  /** in both directions, of one node to and from all others */
  readonly lanesOf: (place: number, direction?: 'in' | 'out') => readonly Lane[]
  readonly all: readonly Lane[]
  /** Only nodes of one group reach each other. */
  readonly partition: (...groups: readonly (readonly number[])[]) => void
  /** No partition, no stall, nothing slow. */
  readonly heal: () => void
  /** bytes to and from a node */
  readonly passed: (place: number) => number
  /** Acts once, when so many bytes more have passed to and from a node. @returns how to have it not */
  readonly tripAt: (place: number, bytes: number, act: () => void) => () => void
  /** The port at which `from` finds `to`. */
  readonly open: (from: number, to: number, target: number) => Promise<number>
  readonly close: () => Promise<void>
}

export function openLines(nodes: number): Lines {
  const places = Array.from({ length: nodes }, (_, i) => i + 1)
  const lanes = new Map<string, Lane>()
  let trip: { readonly place: number; readonly at: number; readonly act: () => void } | undefined
  const look = () => {
    if (trip === undefined || passed(trip.place) < trip.at) return
    const { act } = trip
    trip = undefined
    act()
  }
  for (const from of places) for (const to of places) if (from !== to) lanes.set(`${from}>${to}`, openLane(look))
  const lane = (from: number, to: number) => lanes.get(`${from}>${to}`)!
  const proxies: { readonly from: number; readonly to: number; readonly proxy: CutProxy }[] = []
  const all = [...lanes.values()]
  const lanesOf = (place: number, direction?: 'in' | 'out') =>
    places
      .filter((other) => other !== place)
      .flatMap((other) => [
        ...(direction === 'in' ? [] : [lane(place, other)]),
        ...(direction === 'out' ? [] : [lane(other, place)]),
      ])
  const passed = (place: number) => lanesOf(place).reduce((sum, one) => sum + one.passed(), 0)
  return {
    ...{ lane, lanesOf, all, passed },
    partition(...groups) {
      for (const { from, to, proxy } of proxies) {
        if (groups.some((group) => group.includes(from) && group.includes(to))) proxy.mend()
        else proxy.cut()
      }
    },
    heal() {
      for (const { proxy } of proxies) proxy.mend()
      for (const one of all) {
        one.flow()
        one.slow({ delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY })
      }
    },
    tripAt(place, bytes, act) {
      trip = { place, at: passed(place) + bytes, act }
      return () => void (trip = undefined)
    },
    async open(from, to, target) {
      const proxy = await openCutProxy(target, { there: lane(from, to), back: lane(to, from) })
      proxies.push({ from, to, proxy })
      return proxy.port
    },
    async close() {
      for (const one of all) one.flow()
      await Promise.all(proxies.map(async ({ proxy }) => proxy.close()))
    },
  }
}
