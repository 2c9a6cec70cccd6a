import { q, residue } from './curve.ts'
import { basisAt } from './shamir.ts'

/** A device beside a committee, from the text of the design: x = f(0) + s_D, one line each. */

/** Everybody's share by index; the device is the last. */
export type SharesWithDevice = {
  readonly nodes: ReadonlyMap<number, bigint>
  readonly device: bigint
}

/** x, from the device and some nodes: right if they are at least t. */
export function keyWithDevice({ nodes, device }: SharesWithDevice): bigint {
  const indices = [...nodes.keys()]
  return indices.reduce((sum, i) => residue(sum + basisAt(i, indices, 0) * nodes.get(i)!, q), device)
}

/** What a signer's share counts: the device's is 1, a node's as if there were no device. */
export function weightWithDevice(i: number, signers: readonly number[], device: number): bigint {
  return i === device
    ? 1n
    : basisAt(
        i,
        signers.filter((j) => j !== device),
        0,
      )
}

/** s' of everybody after nodes dealt these polynomials, lowest coefficient first. */
export function refreshedWithDevice(
  { nodes, device }: SharesWithDevice,
  dealt: readonly (readonly bigint[])[],
): SharesWithDevice {
  const at = (x: number) =>
    dealt.reduce((sum, f) => f.reduce((value, a, k) => residue(value + a * BigInt(x) ** BigInt(k), q), sum), 0n)
  return {
    nodes: new Map([...nodes].map(([i, s]) => [i, residue(s + at(i), q)])),
    device: residue(device - at(0), q),
  }
}
