import { concat, LE, range, TH } from './hash.ts'

/** Section 5.2 in order of y, with leaves that are there or undefined. */

const k = 4

/** seed_{τ,y} by tree and leaf; Alice misses one per tree. */
export type Leaves = readonly (readonly (Uint8Array | undefined)[])[]

export function pprfSend(pd: Uint8Array, keys: Uint8Array): { message: Uint8Array; leaves: Leaves } {
  const kappa = (i: number, b: number) => keys.subarray(32 * i + 16 * b, 32 * i + 16 * b + 16)
  const message: Uint8Array[] = []
  const leaves = range(32).map((tau) => {
    let nodes = [kappa(k * tau, 0), kappa(k * tau, 1)]
    for (let i = 1; i < k; i++) {
      nodes = nodes.flatMap((s) => childrenOf(pd, tau, i, s))
      for (const b of [0, 1]) message.push(xor(kappa(k * tau + i, b), ...nodes.filter((_, y) => y % 2 === b)))
    }
    const sigmas = nodes.map((s, y) => TH('pprf/chk', pd, LE(tau, 2), LE(y, 2), s))
    message.push(xor(...sigmas), TH('pprf/com', pd, LE(tau, 2), ...sigmas))
    return nodes.map((s, y) => leafOf(pd, tau, y, s))
  })
  return { message: concat(...message), leaves }
}

export function pprfReceive(
  pd: Uint8Array,
  choices: readonly number[],
  keys: Uint8Array,
  message: Uint8Array,
): { punctured: number[]; leaves: Leaves } | undefined {
  const trees = range(32).map((tau) => {
    const part = (at: number, bytes: number) => message.subarray(160 * tau + at, 160 * tau + at + bytes)
    const kappa = (i: number) => keys.subarray(16 * (k * tau + i), 16 * (k * tau + i) + 16)
    const c = choices.slice(k * tau, k * tau + k)

    let hole = 1 - c[0]!
    let nodes: (Uint8Array | undefined)[] = c[0] === 0 ? [kappa(0), undefined] : [undefined, kappa(0)]
    for (let i = 1; i < k; i++) {
      nodes = nodes.flatMap((s) => (s === undefined ? [undefined, undefined] : childrenOf(pd, tau, i, s)))
      const side = nodes.filter((s, y) => s !== undefined && y % 2 === c[i]) as Uint8Array[]
      nodes[2 * hole + c[i]!] = xor(part(32 * (i - 1) + 16 * c[i]!, 16), kappa(i), ...side)
      hole = 2 * hole + 1 - c[i]!
    }
    const known = nodes.map((s, y) => s && TH('pprf/chk', pd, LE(tau, 2), LE(y, 2), s))
    const missing = xor(part(96, 32), ...known.filter((sigma) => sigma !== undefined))
    const sigmas = known.map((sigma) => sigma ?? missing)
    const holds = Buffer.from(TH('pprf/com', pd, LE(tau, 2), ...sigmas)).equals(part(128, 32))
    return { hole, holds, leaves: nodes.map((s, y) => s && leafOf(pd, tau, y, s)) }
  })
  if (!trees.every((tree) => tree.holds)) return undefined
  return { punctured: trees.map((tree) => tree.hole), leaves: trees.map((tree) => tree.leaves) }
}

function childrenOf(pd: Uint8Array, tau: number, level: number, s: Uint8Array): [Uint8Array, Uint8Array] {
  const both = TH('pprf/node', pd, LE(tau, 2), LE(level, 1), s)
  return [both.slice(0, 16), both.slice(16)]
}

function leafOf(pd: Uint8Array, tau: number, y: number, s: Uint8Array): Uint8Array {
  return TH('pprf/leaf', pd, LE(tau, 2), LE(y, 2), s).slice(0, 16)
}

function xor(...parts: readonly Uint8Array[]): Uint8Array {
  return parts[0]!.map((_, at) => parts.reduce((sum, part) => sum ^ part[at]!, 0))
}
