import { UsageError } from './errors.ts'

/** Prefix of every hash label, and part of every message header. It never changes: the known answers depend on it. */
export const SUITE = 'MPCW-DKLS23-SECP256K1-V1'

/** Every hash label of the system. A label is never renamed or reused: a new meaning gets a new label. Spec: hashing. */
export const LABELS = [
  ...(['kg/sid', 'kg/com', 'kg/ssid', 'kg/pok', 'kg/cc', 'kg/conf', 'kg/ack'] as const),
  ...(['rf/sid', 'rf/ssid', 'rf/com', 'rf/conf', 'rf/ack', 'rf/committed', 'rf/aborted', 'rf/status'] as const),
  ...(['rs/statement', 'rs/sid', 'rs/ssid', 'rs/com', 'rs/conf', 'rs/ack', 'rs/committed', 'rs/aborted'] as const),
  ...(['pair', 'pair/tag', 'pair/t', 'bot/popf', 'bot/key', 'zs'] as const),
  ...(['pprf/node', 'pprf/leaf', 'pprf/chk', 'pprf/com'] as const),
  ...(['rv', 'rvole/s1', 'rvole/m1', 'rvole/s2', 'rvole/gadget'] as const),
  ...(['rvole/theta', 'rvole/theta-i', 'rvole/mu'] as const),
  ...(['ote/prg', 'ote/chi', 'ote/chi0', 'ote/chi1', 'ote/t', 'ote/col'] as const),
  ...(['sign/sid', 'sign/com', 'sign/echo1', 'sign/echo2', 'sign/delta', 'zero', 'bind'] as const),
  ...(['pve/label', 'pve/coins', 'pve/pad', 'pve/chal', 'pve/hash'] as const),
  ...(['ecdh/derive', 'ecdh/pok', 'ecdh/nonce', 'ecdh/dleq', 'export'] as const),
  'echo', // a broadcast part, signed: two of them that differ are evidence
  'commit/pop', // possession of x1, at the commit of a new key
  'restore/pop', // possession of x1, over the keys of a new device
  'drill/pop', // possession of x_i, over a challenge
  'rho', // of the parts that the members of a committee drew, beside a device
  'backup/nodes', // of the backups of a committee's shares
  'kat', // of the known-answer transcript only
] as const

export type Label = (typeof LABELS)[number]

const LABEL_BYTES: ReadonlyMap<Label, Uint8Array> = new Map(LABELS.map((l) => [l, ascii(`${SUITE}/${l}`)]))

/**
 * `LE32(|L|) ‖ L ‖ LE32(m) ‖ Π LE32(|pᵢ|) ‖ pᵢ` with `L = SUITE/label`: one reading for every hash input.
 *
 * Source: docs/spec/hashing.md.
 */
export function encodeFields(label: Label, ...parts: readonly Uint8Array[]): Uint8Array {
  const name = LABEL_BYTES.get(label)
  if (name === undefined) throw new UsageError(`unknown hash label ${label}`)
  const out = new Uint8Array(8 + name.length + parts.reduce((sum, p) => sum + 4 + p.length, 0))
  const view = new DataView(out.buffer)
  view.setUint32(0, name.length, true)
  out.set(name, 4)
  view.setUint32(4 + name.length, parts.length, true)
  let at = 8 + name.length
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    out.set(part, at + 4)
    at += 4 + part.length
  }
  return out
}

/** ASCII text as bytes; JavaScriptCore has no TextEncoder. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0))
}
