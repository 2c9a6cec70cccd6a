import { equalBytes } from '../math/bytes.ts'
import type { Sha2 } from '../math/hash.ts'
import type { AliceSeeds, BobSeeds } from '../share.ts'
import {
  CHECK_BYTES,
  checksOf,
  COMPLETE,
  DEPTH,
  descend,
  LEAVES,
  node,
  type Order,
  reorder,
  sealOf,
  seedsOf,
  type Tree,
  walkAround,
  xorInto,
} from './tree.ts'
import { NODE_BYTES, treeHash, wipe } from './tree-hash.ts'

/** Trees of a direction: 128 base OTs, four to a tree. */
export const TREES = 32
/** t^1_0, t^1_1, …, t^3_1, t̃, s̃ */
const TREE_BYTES = (DEPTH - 1) * 2 * NODE_BYTES + 2 * CHECK_BYTES
const TREE_KEY_BYTES = DEPTH * 2 * NODE_BYTES

/** What Bob sends once per setup. */
export const PPRF_BYTES = TREES * TREE_BYTES

/** Seeds of all leaves: 32 trees of 16 of 16 bytes. */
export type BobLeaves = { readonly leaves: Uint8Array }

/** The same but one per tree: the seed of leaf y of tree τ at place `y ⊕ Δ_τ` of its tree, place 0 zero. */
export type AliceLeaves = {
  readonly leaves: Uint8Array
  /** Δ_τ, 0..15, 32 of them */
  readonly punctured: Uint8Array
}

/**
 * Bob's part of a setup: trees from his pairs of keys, and the proof that they are well formed.
 *
 * @param pd   32 bytes, names the direction
 * @param keys κ_{i,0} ‖ κ_{i,1}, i < 128, 16 bytes each
 * @returns 5120 bytes for Alice, and what Bob keeps
 *
 * Source: docs/spec/setup.md, 2.1 to 2.3.
 */
export function pprfSend(sha: Sha2, pd: Uint8Array, keys: Uint8Array): { message: Uint8Array; seeds: BobSeeds } {
  const message = new Uint8Array(PPRF_BYTES)
  const roots = new Uint8Array(TREES * 2 * NODE_BYTES)
  const hash = treeHash(sha, pd)
  for (let tau = 0; tau < TREES; tau++) {
    const treeKeys = keys.subarray(tau * TREE_KEY_BYTES, (tau + 1) * TREE_KEY_BYTES)
    roots.set(treeKeys.subarray(0, 2 * NODE_BYTES), tau * 2 * NODE_BYTES)
    message.set(treeMessage({ hash, tau }, treeKeys), tau * TREE_BYTES)
  }
  wipe(hash)
  return { message, seeds: { roots } }
}

function treeMessage(tree: Tree, keys: Uint8Array): Uint8Array {
  const out = new Uint8Array(TREE_BYTES)
  let nodes = Uint8Array.from(keys.subarray(0, 2 * NODE_BYTES))
  for (let level = 1; level < DEPTH; level++) {
    const parents = nodes
    nodes = descend(tree, level, parents)
    parents.fill(0)
    const corrections = Uint8Array.from(keys.subarray(2 * level * NODE_BYTES, 2 * (level + 1) * NODE_BYTES))
    for (let at = 0; at < nodes.length; at += corrections.length) xorInto(corrections, nodes.subarray(at))
    out.set(corrections, 2 * (level - 1) * NODE_BYTES)
  }
  const checks = checksOf(tree, nodes, COMPLETE)
  out.set(sumOf(checks), TREE_BYTES - 2 * CHECK_BYTES)
  out.set(sealOf(tree, checks), TREE_BYTES - CHECK_BYTES)
  nodes.fill(0)
  checks.fill(0)
  return out
}

/**
 * Alice's part: every leaf of every tree but one, and the check that Bob's trees are well formed.
 *
 * @param choices c_0..c_127, 16 bytes, least significant bit first
 * @param keys    κ_i, i < 128, 16 bytes each
 * @param message 5120 bytes
 * @returns undefined if the proof fails. That is a probe of Δ: the whole setup, base OTs included, must be discarded
 *
 * Source: docs/spec/setup.md, 2.4 to 2.6.
 */
export function pprfReceive(
  sha: Sha2,
  pd: Uint8Array,
  choices: Uint8Array,
  keys: Uint8Array,
  message: Uint8Array,
): AliceSeeds | undefined {
  const punctured = puncturedBy(choices)
  const coPath = new Uint8Array(TREES * DEPTH * NODE_BYTES)
  const claimed = new Uint8Array(TREES * CHECK_BYTES)
  const computed = new Uint8Array(TREES * CHECK_BYTES)
  const hash = treeHash(sha, pd)
  for (let tau = 0; tau < TREES; tau++) {
    const treeKeys = keys.subarray(tau * DEPTH * NODE_BYTES, (tau + 1) * DEPTH * NODE_BYTES)
    const received = message.subarray(tau * TREE_BYTES, (tau + 1) * TREE_BYTES)
    const path = coPath.subarray(tau * DEPTH * NODE_BYTES, (tau + 1) * DEPTH * NODE_BYTES)
    claimed.set(received.subarray(TREE_BYTES - CHECK_BYTES), tau * CHECK_BYTES)
    const seal = rebuild({ hash, tau }, punctured[tau]!, treeKeys, received, path)
    computed.set(seal, tau * CHECK_BYTES)
  }
  wipe(hash)
  // All trees in one comparison: which of them failed is nobody's business.
  if (!equalBytes(claimed, computed)) return discard(punctured, coPath) // check K12
  return { punctured, coPath }
}

/** Fills `coPath` of one tree and returns the s̃ that its t̃ and corrections lead to. */
function rebuild(tree: Tree, hole: number, keys: Uint8Array, received: Uint8Array, coPath: Uint8Array): Uint8Array {
  const leaves = walkAround(tree, hole, (level, sum) => {
    const sibling = node(coPath, level - 1)
    sibling.set(sum)
    xorInto(sibling, node(keys, level - 1))
    if (level > 1) xorChoice(sibling, received.subarray(2 * (level - 2) * NODE_BYTES), choiceAt(hole, level))
    return sibling
  })
  const checks = checksOf(tree, leaves, { origin: hole, hole: 1 })
  const missing = sumOf(checks)
  xorInto(missing, received.subarray(TREE_BYTES - 2 * CHECK_BYTES))
  checks.set(missing)
  reorder(checks, hole)
  const seal = sealOf(tree, checks)
  leaves.fill(0)
  checks.fill(0)
  return seal
}

/** Leaf seeds from what Bob stores: done once per dialogue, about a thousand hashes. Source: docs/spec/setup.md, 2.2. */
export function openBob(sha: Sha2, pd: Uint8Array, { roots }: BobSeeds): BobLeaves {
  const leaves = seedsOfTrees(sha, pd, (tree) => {
    let nodes = Uint8Array.from(roots.subarray(2 * tree.tau * NODE_BYTES, 2 * (tree.tau + 1) * NODE_BYTES))
    for (let level = 1; level < DEPTH; level++) nodes = descend(tree, level, nodes)
    return { nodes, order: COMPLETE }
  })
  return { leaves }
}

/** Leaf seeds from what Alice stores. Source: docs/spec/setup.md, 2.2. */
export function openAlice(sha: Sha2, pd: Uint8Array, { punctured, coPath }: AliceSeeds): AliceLeaves {
  const leaves = seedsOfTrees(sha, pd, (tree) => {
    const origin = punctured[tree.tau]!
    const nodes = walkAround(tree, origin, (level) => node(coPath, tree.tau * DEPTH + level - 1))
    return { nodes, order: { origin, hole: 1 } }
  })
  return { leaves, punctured: Uint8Array.from(punctured) }
}

function seedsOfTrees(
  sha: Sha2,
  pd: Uint8Array,
  grow: (tree: Tree) => { nodes: Uint8Array; order: Order },
): Uint8Array {
  const leaves = new Uint8Array(TREES * LEAVES * NODE_BYTES)
  const hash = treeHash(sha, pd)
  for (let tau = 0; tau < TREES; tau++) {
    const tree = { hash, tau }
    const { nodes, order } = grow(tree)
    leaves.set(seedsOf(tree, nodes, order), tau * LEAVES * NODE_BYTES)
    nodes.fill(0)
  }
  wipe(hash)
  return leaves
}

/** Δ_τ: at each level Alice knows the side she chose, so the path to the hole takes the other. */
function puncturedBy(choices: Uint8Array): Uint8Array {
  const punctured = new Uint8Array(TREES)
  for (let i = 0; i < TREES * DEPTH; i++) {
    const choice = (choices[i >>> 3]! >>> (i & 7)) & 1
    punctured[Math.floor(i / DEPTH)]! |= (1 - choice) << (DEPTH - 1 - (i % DEPTH))
  }
  return punctured
}

/** c at this level, 1..k, back from the path. */
function choiceAt(hole: number, level: number): number {
  return 1 - ((hole >>> (DEPTH - level)) & 1)
}

/** Adds the first or the second node of a pair; the secret choice selects by mask. */
function xorChoice(into: Uint8Array, pair: Uint8Array, choice: number): void {
  const mask = -choice & 0xff
  for (let i = 0; i < NODE_BYTES; i++) {
    const [zero, one] = [pair[i]!, pair[NODE_BYTES + i]!]
    into[i]! ^= zero ^ ((zero ^ one) & mask)
  }
}

function sumOf(checks: Uint8Array): Uint8Array {
  const sum = new Uint8Array(CHECK_BYTES)
  for (let at = 0; at < checks.length; at += CHECK_BYTES) xorInto(sum, checks.subarray(at))
  return sum
}

function discard(...secrets: readonly Uint8Array[]): undefined {
  for (const secret of secrets) secret.fill(0)
}
