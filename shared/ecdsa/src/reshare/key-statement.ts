import { type PartyIndex, UsageError } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { equalBytes, le16, le32 } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import { decodePoint } from '../math/points.ts'
import type { KeyShare } from '../share.ts'
import { areSharesOf, isQualified, modeBytes, modeOf, sizeBytes } from '../sharing.ts'

// What those who hold a key say of it to those who will. Source: docs/spec/reshare.md, section 1.

/** A key in one epoch, all of it public. */
export type KeyStatement = Pick<
  KeyShare,
  'keyId' | 'ssid' | 'epoch' | 'threshold' | 'withDevice' | 'publicKey' | 'publicShares' | 'chainCode' | 'identities'
>

/** What a new party knows of the key from its own configuration, never from the wire. */
export type KeyPin = Pick<KeyStatement, 'keyId' | 'publicKey' | 'threshold' | 'withDevice' | 'identities'>

/** A statement with Ed25519 signatures of those who made it, 64 bytes each. */
export type AttestedKey = {
  readonly statement: KeyStatement
  readonly attestations: ReadonlyMap<PartyIndex, Uint8Array>
}

/** The public part of a share. */
export function statementOf(share: KeyShare): KeyStatement {
  const { keyId, ssid, epoch, threshold, publicKey, publicShares, chainCode, identities } = share
  return { keyId, ssid, epoch, threshold, ...modeOf(share), publicKey, publicShares, chainCode, identities }
}

/** What party i of the key signs: its own record, and nobody else's word. 32 bytes. */
export function attestationMessage(sha: Sha2, statement: KeyStatement, i: PartyIndex): Uint8Array {
  const { keyId, ssid, epoch, threshold, publicKey, publicShares, chainCode, identities } = statement
  const shape = [le32(epoch), ...sizeBytes({ threshold, parties: identities.length, ...modeOf(statement) })]
  const rest = [publicKey, ...publicShares, chainCode, ...identities, le16(i), ...modeBytes(statement)]
  return TH(sha, 'rs/statement', keyId, ssid, ...shape, ...rest)
}

/**
 * Of signers who could sign with the key at least one is honest, so the public shares are what they are said to be.
 *
 * @throws {UsageError} unless the statement is of the pinned key, holds together, and has the signatures of t of its
 *         parties, the device of a key that has one among them
 */
export function checkStatement(backend: Backend, pin: KeyPin, { statement, attestations }: AttestedKey): void {
  if (!isPinned(pin, statement)) throw new UsageError('not the key, or not the parties, on record') // check L1
  if (!holdsTogether(backend, statement)) throw new UsageError('the public shares are of another key') // check L1
  const { identities } = statement
  const valid = [...attestations].filter(([i, signature]) => {
    const identity = identities[i - 1]
    return identity && backend.ed25519Verify(signature, attestationMessage(backend, statement, i), identity)
  })
  const enough = isQualified(
    { ...statement, parties: identities.length },
    valid.map(([i]) => i),
  )
  if (!enough) throw new UsageError('fewer parties attest the key than its threshold') // check L1
}

function isPinned(pin: KeyPin, statement: KeyStatement): boolean {
  const { keyId, publicKey, threshold, identities } = statement
  const alike = threshold === pin.threshold && modeOf(statement).withDevice === modeOf(pin).withDevice
  return (
    alike &&
    equalBytes(keyId, pin.keyId) &&
    equalBytes(publicKey, pin.publicKey) &&
    identities.length === pin.identities.length &&
    identities.every((id, at) => equalBytes(id, pin.identities[at]!))
  )
}

function holdsTogether(backend: Backend, statement: KeyStatement): boolean {
  const { publicKey, publicShares, identities } = statement
  const X = decodePoint(backend, publicKey)
  const shares = publicShares.map((bytes) => decodePoint(backend, bytes))
  if (X === undefined || !shares.every((P) => P !== undefined)) return false
  return shares.length === identities.length && areSharesOf(backend, statement, X, shares)
}
