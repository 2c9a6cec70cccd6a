import { le16 } from '../math/bytes.ts'
import { TH } from '../math/hash.ts'
import { hashNode, NODE_BYTES, type TreeHash } from './tree-hash.ts'

/** k: base OTs of a tree, and its depth. */
export const DEPTH = 4
/** 2^k */
export const LEAVES = 16
export const CHECK_BYTES = 32

/** Which tree, and what hashes it. */
export type Tree = {
  readonly hash: TreeHash
  /** τ, 0..31 */
  readonly tau: number
}

/**
 * Where a leaf lies in memory: leaf y at place `y ⊕ origin`. Bob's origin is 0. Alice's is y*, the one leaf she does not
 * know, so that the hole is always place 0 and no address depends on it.
 */
export type Order = { readonly origin: number; readonly hole: 0 | 1 }

/** All leaves known, in order of y. */
export const COMPLETE: Order = { origin: 0, hole: 0 }

/** Node `at` of a run of nodes, as a view. */
export function node(nodes: Uint8Array, at: number): Uint8Array {
  return nodes.subarray(at * NODE_BYTES, (at + 1) * NODE_BYTES)
}

/** One level down: twice as many nodes, in order. */
export function descend({ hash, tau }: Tree, level: number, nodes: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(2 * nodes.length)
  for (let y = 0; y * NODE_BYTES < nodes.length; y++) {
    next.set(hashNode(hash, 'node', tau, level, node(nodes, y)), 2 * y * NODE_BYTES)
  }
  return next
}

/**
 * Everything but one leaf: walks down beside the path to it. At each level the children of the known nodes are hashed and
 * the sibling of the path's node is asked for.
 *
 * @param hole    y*, whose bits from the top are the path
 * @param sibling the node beside the path at level 1..k; gets the sum of the known nodes of its parity, 16 bytes
 * @returns the nodes of level k at places `y ⊕ y*`, place 0 zero
 */
export function walkAround(
  { hash, tau }: Tree,
  hole: number,
  sibling: (level: number, sum: Uint8Array) => Uint8Array,
): Uint8Array {
  let nodes = new Uint8Array(2 * NODE_BYTES)
  nodes.set(sibling(1, new Uint8Array(NODE_BYTES)), NODE_BYTES)
  for (let level = 1; level < DEPTH; level++) {
    const next = new Uint8Array(2 * nodes.length)
    for (let place = 1; place < 1 << level; place++) {
      const children = hashNode(hash, 'node', tau, level, node(nodes, place))
      swapHalves(children, (hole >>> (DEPTH - 1 - level)) & 1)
      next.set(children, 2 * place * NODE_BYTES)
    }
    const sum = new Uint8Array(NODE_BYTES)
    for (let place = 3; place < 2 << level; place += 2) xorInto(sum, node(next, place))
    next.set(sibling(level + 1, sum), NODE_BYTES)
    nodes.fill(0)
    nodes = next
  }
  return nodes
}

/** σ_y of every known leaf, 32 bytes each, at the leaf's place. Spec: setup, 2.2. */
export function checksOf({ hash, tau }: Tree, leaves: Uint8Array, { origin, hole }: Order): Uint8Array {
  const out = new Uint8Array(LEAVES * CHECK_BYTES)
  for (let place = hole; place < LEAVES; place++) {
    out.set(hashNode(hash, 'chk', tau, place ^ origin, node(leaves, place)), place * CHECK_BYTES)
  }
  return out
}

/** seed_{τ,y} of every known leaf, 16 bytes each, at the leaf's place. Spec: setup, 2.2. */
export function seedsOf({ hash, tau }: Tree, leaves: Uint8Array, { origin, hole }: Order): Uint8Array {
  const out = new Uint8Array(LEAVES * NODE_BYTES)
  for (let place = hole; place < LEAVES; place++) {
    const seed = hashNode(hash, 'leaf', tau, place ^ origin, node(leaves, place))
    out.set(seed.subarray(0, NODE_BYTES), place * NODE_BYTES)
  }
  return out
}

/** s̃. The checks are in order of y. */
export function sealOf({ hash: { sha, pd }, tau }: Tree, checks: Uint8Array): Uint8Array {
  const sigmas = Array.from({ length: LEAVES }, (_, y) => checks.subarray(y * CHECK_BYTES, (y + 1) * CHECK_BYTES))
  return TH(sha, 'pprf/com', pd, le16(tau), ...sigmas)
}

/** From places `y ⊕ origin` to order of y, in place; the secret origin selects by mask. */
export function reorder(checks: Uint8Array, origin: number): void {
  for (let bit = 1; bit < LEAVES; bit <<= 1) {
    const mask = (origin & bit) === 0 ? 0 : 0xff
    for (let y = 0; y < LEAVES; y++) {
      if ((y & bit) !== 0) continue
      swapIf(mask, checks.subarray(y * CHECK_BYTES), checks.subarray((y | bit) * CHECK_BYTES), CHECK_BYTES)
    }
  }
}

export function xorInto(into: Uint8Array, bytes: Uint8Array): void {
  for (let i = 0; i < into.length; i++) into[i]! ^= bytes[i]!
}

function swapHalves(children: Uint8Array, bit: number): void {
  swapIf(-bit & 0xff, children, children.subarray(NODE_BYTES), NODE_BYTES)
}

function swapIf(mask: number, a: Uint8Array, b: Uint8Array, length: number): void {
  for (let i = 0; i < length; i++) {
    const swap = (a[i]! ^ b[i]!) & mask
    a[i]! ^= swap
    b[i]! ^= swap
  }
}
