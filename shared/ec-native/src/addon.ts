import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'

/** The status codes of the addon's methods: 0 is success, anything else says what failed. */
type Status = number

/**
 * The raw methods of the prebuilt `secp256k1` addon that we use. They check less than the package's wrapper: every
 * point must be a 33- or 65-byte Uint8Array, every scalar and digest 32 bytes. A length of `output` chooses the form.
 */
export type Addon = {
  contextRandomize(seed: Uint8Array): Status
  publicKeyCreate(output: Uint8Array, secret: Uint8Array): Status
  publicKeyConvert(output: Uint8Array, point: Uint8Array): Status
  publicKeyNegate(output: Uint8Array, point: Uint8Array): Status
  publicKeyCombine(output: Uint8Array, points: readonly Uint8Array[]): Status
  publicKeyTweakMul(output: Uint8Array, point: Uint8Array, scalar: Uint8Array): Status
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): Status
  ecdsaRecover(output: Uint8Array, signature: Uint8Array, recovery: number, digest: Uint8Array): Status
  ecdh(
    output: Uint8Array,
    point: Uint8Array,
    secret: Uint8Array,
    data: undefined,
    hash: (x: Uint8Array, y: Uint8Array) => Uint8Array,
    x: Uint8Array,
    y: Uint8Array,
  ): Status
}

/**
 * libsecp256k1, or undefined where no prebuilt binary fits this machine. The package's own entry is never loaded: it
 * would silently put a slow, variable-time implementation in the addon's place.
 */
export function loadAddon(): Addon | undefined {
  const require = createRequire(import.meta.url)
  try {
    const load = require('node-gyp-build') as (directory: string) => { readonly Secp256k1: new () => Addon }
    const { Secp256k1 } = load(dirname(require.resolve('secp256k1/package.json')))
    const addon = new Secp256k1()
    return addon.contextRandomize(randomBytes(32)) === 0 ? addon : undefined
  } catch {
    return undefined
  }
}
