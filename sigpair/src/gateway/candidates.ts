import { WireError } from '@tandem/wire'
import { refusal, type Sizes } from './agree.ts'
import { assembled, deviceShare, releasesIn, type Told } from './assemble.ts'
import type { Gateway } from './gateway.ts'
import type { Word } from './member-call.ts'
import { mostOf } from './said.ts'

/** What may be the signature of a session, likelier ones first. Whoever keeps one verifies it. */
export type Candidates = {
  readonly digest: string
  /** r ‖ s ‖ recovery id, 0x-hex */
  readonly signatures: readonly string[]
  /** why shares that are complete made none */
  readonly failure: unknown
}

/**
 * What t members have is it. Else what the shares make, verified; then what single members say they have: nobody is believed,
 * but one of them may be all that is left of a gateway that died half way.
 *
 * @param share the device's, base64url
 * @throws {WireError} what most say, unless t members know the session; `VALIDATION_FAILED` for no proper share where one is needed
 */
export function candidatesIn(
  { sizes, backend }: Gateway,
  words: readonly Word[],
  told: readonly Told[],
  share: string | undefined,
): Candidates {
  const agreed = mostOf(told, ({ digest }) => digest)
  const [lowest] = agreed
  if (lowest === undefined || agreed.length < sizes.threshold) throw refusal(words, agreed.length)
  const { digest } = lowest.answer

  const device = sizes.members + 1
  const stored = storedIn(agreed)
  const [most] = stored
  if (most !== undefined && most.count >= sizes.threshold)
    return { digest, signatures: [most.signature], failure: null }
  const known = stored.map(({ signature }) => signature)
  const released = releasesIn(agreed, device)
  if (released === undefined) return { digest, signatures: known, failure: null }
  const theirs = deviceShare({ share, device })
  try {
    const made = assembled(backend, digest, theirs, released)
    return { digest, signatures: [made, ...known.filter((one) => one !== made)], failure: null }
  } catch (failure) {
    return { digest, signatures: known, failure }
  }
}

/** Whether t members know the session, and have its signature or all that makes it. */
export function isDecided({ threshold, members }: Sizes, told: readonly Told[]): boolean {
  const agreed = mostOf(told, ({ digest }) => digest)
  if (agreed.length < threshold) return false
  return (storedIn(agreed)[0]?.count ?? 0) >= threshold || releasesIn(agreed, members + 1) !== undefined
}

/** Signatures that members have, by how many have each. */
function storedIn(told: readonly Told[]): readonly { readonly signature: string; readonly count: number }[] {
  const counts = new Map<string, number>()
  for (const { signature } of told.map(({ answer }) => answer)) {
    if (signature !== undefined) counts.set(signature, (counts.get(signature) ?? 0) + 1)
  }
  return [...counts].map(([signature, count]) => ({ signature, count })).toSorted((a, b) => b.count - a.count)
}

/** Why there is nothing to sign with. @param share the device's; absent where only what is signed was asked for */
export function nothingToKeep(words: readonly Word[], { failure }: Candidates, share: string | undefined): WireError {
  if (failure !== null) return new WireError('MPC_SIGNING_FAILED', undefined, { cause: failure })
  // somebody who did not answer may have what is missing
  if (words.some(({ said }) => said !== 'done')) return refusal(words, 0)
  if (share === undefined) return new WireError('VALIDATION_FAILED', 'p1SignatureShare: needed')
  return new WireError('PRESIGNATURE_CONSUMED')
}
