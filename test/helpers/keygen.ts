import { ed25519 } from '@noble/curves/ed25519.js'
import { type Backend, keygen, type KeygenResult, type KeygenSetup, type StagingDeps } from '@tandem/ecdsa'
import { keyId, type PartyIndex, partyIndex, type Protocol, type Rng } from '@tandem/rounds'
import { fast } from './backends.ts'
import { seeded } from './rng.ts'

export type KeygenOptions = {
  readonly parties?: number
  /** all of the parties unless it says otherwise */
  readonly threshold?: number
  /** the last party is a device, counted in both */
  readonly withDevice?: boolean
  /** of all randomness, and of the key id */
  readonly seed?: string
  readonly backend?: Backend
  /** replaces one party's generator, its signer or its setup */
  readonly rngOf?: (self: PartyIndex, honest: Rng) => Rng
  readonly signerOf?: (self: PartyIndex, honest: Sign) => Sign
  readonly backendOf?: (self: PartyIndex) => Backend
}

export type Sign = (message: Uint8Array) => Uint8Array

/** Party i's Ed25519 identity in every test key generation. */
export const identityOf = (i: number) => ed25519.getPublicKey(identitySecret(i))

export const signAs =
  (i: number): Sign =>
  (message) =>
    ed25519.sign(message, identitySecret(i))

function identitySecret(i: number): Uint8Array {
  return seeded(`identity ${i}`)(32)
}

export function keygenSetup(
  self: number,
  { parties = 2, threshold = parties, withDevice = false, seed = 'keygen' }: KeygenOptions = {},
): KeygenSetup {
  return {
    keyId: keyId(seeded(seed).fork('key id')(32)),
    self: partyIndex(self),
    threshold,
    ...(withDevice && { withDevice }),
    identities: Array.from({ length: parties }, (_, i) => identityOf(i + 1)),
  }
}

export function keygenDeps(self: PartyIndex, options: KeygenOptions = {}): StagingDeps {
  const { seed = 'keygen', backend = fast, rngOf, signerOf, backendOf } = options
  const rng = seeded(seed).fork(self)
  return {
    backend: backendOf?.(self) ?? backend,
    rng: rngOf?.(self, rng) ?? rng,
    sign: signerOf?.(self, signAs(self)) ?? signAs(self),
  }
}

/** Every party's side, honest but for the options. */
export function keygenParties(options: KeygenOptions = {}): Map<PartyIndex, Protocol<KeygenResult>> {
  const parties = Array.from({ length: options.parties ?? 2 }, (_, i) => partyIndex(i + 1))
  return new Map(parties.map((self) => [self, keygen(keygenSetup(self, options), keygenDeps(self, options))]))
}
