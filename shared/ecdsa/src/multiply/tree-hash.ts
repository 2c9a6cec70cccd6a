import { encodeFields } from '@tandem/rounds'
import type { Sha2 } from '../math/hash.ts'

export const NODE_BYTES = 16

/**
 * The hashes of a direction's trees, `TH(label, PD, LE16 τ, number, node)`. A dialogue takes some two thousand of them, so
 * each input is encoded once and only its last three fields are written anew.
 */
export type TreeHash = {
  readonly sha: Sha2
  /** PD, the direction's name, 32 bytes */
  readonly pd: Uint8Array
  readonly inputs: { readonly [K in Kind]: Uint8Array }
}

/** The number is the parent's level for `node`, one byte, and the leaf's y for the others, two. */
type Kind = 'node' | 'leaf' | 'chk'

const LENGTH = 4

export function treeHash(sha: Sha2, pd: Uint8Array): TreeHash {
  const encode = (kind: Kind, numberBytes: number) =>
    encodeFields(`pprf/${kind}`, pd, new Uint8Array(2), new Uint8Array(numberBytes), new Uint8Array(NODE_BYTES))
  return { sha, pd, inputs: { node: encode('node', 1), leaf: encode('leaf', 2), chk: encode('chk', 2) } }
}

/** 32 bytes. τ and the number are below 256, so their upper bytes stay zero. */
export function hashNode(
  { sha, inputs }: TreeHash,
  kind: Kind,
  tau: number,
  number: number,
  node: Uint8Array,
): Uint8Array {
  const input = inputs[kind]
  const nodeAt = input.length - NODE_BYTES
  const numberAt = nodeAt - LENGTH - (kind === 'node' ? 1 : 2)
  input[numberAt - LENGTH - 2] = tau
  input[numberAt] = number
  input.set(node, nodeAt)
  return sha.sha256(input)
}

/** Forgets the last nodes. */
export function wipe({ inputs }: TreeHash): void {
  for (const input of Object.values(inputs)) input.fill(0)
}
