import { type KeyId, type PartyIndex, UsageError } from '@tandem/rounds'
import type { Backend } from '../math/backend.ts'
import { le32 } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import { isQualified, type Sharing } from '../sharing.ts'
import { ackMessage, type StagingProtocol } from './staging-session.ts'

// What makes a staged key one in force among n parties: the acknowledgements of all of them. Source: docs/spec/reshare.md,
// section 4.

/** What the acknowledgements of a certificate are about, from our own run or record. */
export type Certified = {
  readonly protocol: StagingProtocol
  /** what all parties agreed on, 32 bytes */
  readonly conf: Uint8Array
  /** Ed25519 identity of every party that holds a share of it, in index order */
  readonly identities: readonly Uint8Array[]
}

/**
 * @param acks one of every party, in index order, 64 bytes each
 * @throws {UsageError} unless all are there and hold: nothing is erased, and nothing comes into force, on fewer
 */
export function checkCertificate(backend: Backend, about: Certified, acks: readonly Uint8Array[]): void {
  const { protocol, conf, identities } = about
  const holds = (identity: Uint8Array, at: number) => {
    const ack = acks[at]
    return (
      ack !== undefined &&
      backend.ed25519Verify(ack, ackMessage(backend, protocol, conf, (at + 1) as PartyIndex), identity)
    )
  }
  const complete = acks.length === identities.length && identities.every(holds)
  if (!complete) throw new UsageError('not a certificate of this committee') // check K10 L4
}

/** What a certified stage is known by to those who took no part in its run. */
export type HandoverClaim = {
  readonly keyId: KeyId
  readonly stageId: Uint8Array
  readonly epoch: number
  readonly conf: Uint8Array
}

/** "I hold the certificate of this stage": what a party of the new committee signs with its identity. 32 bytes. */
export function handoverStatement(sha: Sha2, { keyId, stageId, epoch, conf }: HandoverClaim): Uint8Array {
  return TH(sha, 'rs/committed', keyId, stageId, le32(epoch), conf)
}

/**
 * An old party that was not in the run cannot know which `conf` belongs to it. It believes t′ of the new committee, the device of one that has it
 * among them, for one is honest; then {@link checkCertificate} under that `conf`.
 *
 * @param next identities and threshold of the committee as the owner ordered it, never as a peer says
 * @throws {UsageError} with fewer than t′ valid signatures
 */
export function checkHandover(
  backend: Backend,
  claim: HandoverClaim,
  next: Pick<Sharing, 'threshold' | 'withDevice'> & { readonly identities: readonly Uint8Array[] },
  receipts: ReadonlyMap<PartyIndex, Uint8Array>,
): void {
  const message = handoverStatement(backend, claim)
  const valid = [...receipts].filter(([j, signature]) => {
    const identity = next.identities[j - 1]
    return identity && backend.ed25519Verify(signature, message, identity)
  })
  const enough = isQualified(
    { ...next, parties: next.identities.length },
    valid.map(([j]) => j),
  )
  if (!enough) throw new UsageError('fewer parties vouch for the handover than could lie') // check L4
}
