import {
  type Backend,
  combine,
  decodeSignatureShare,
  encodeSignature,
  type SignatureShare,
  signingTarget,
} from '@tandem/ecdsa'
import { partyIndex, sessionId } from '@tandem/rounds'
import { fromBase64url, fromHex, type MemberCompletion, type ReleasedShare, toHex, WireError } from '@tandem/wire'
import { mostOf, type Said } from './said.ts'

/** One session, as the members tell of it. */
export type Told = Said<MemberCompletion>

/** The device's part, as it came. */
export type FromDevice = { readonly share: string | undefined; readonly device: number }

/** Signers' shares that belong together, from every signer but the device; undefined while one is missing. */
export function releasesIn(told: readonly Told[], device: number): readonly Said<ReleasedShare>[] | undefined {
  const released = told.flatMap(({ index, answer }) => (answer.released ? [{ index, answer: answer.released }] : []))
  const together = mostOf(released, (one) => ({ ...one, share: null }))
  const wanted = together[0]?.answer.signers.filter((signer) => signer !== device)
  if (wanted === undefined) return undefined
  const named = together.filter(({ index }) => wanted.includes(index))
  return named.length === wanted.length ? named : undefined
}

/**
 * The signature that the shares of device and members make, verified under the child key: r ‖ s ‖ recovery id as 0x-hex.
 *
 * @param digest what t members signed
 * @throws {ProtocolAbort} if they make none, or the device's is no share
 *
 * Source: docs/spec/gateway.md 4.5, sign.md, section 4.
 */
export function assembled(
  backend: Backend,
  digest: string,
  theirs: SignatureShare,
  released: readonly Said<ReleasedShare>[],
): string {
  const [first] = released
  if (first === undefined) throw new WireError('INTERNAL')
  const { nonce, publicKey, chainCode, path, rhoS } = first.answer
  const { id, rhoD } = theirs
  const target = signingTarget(
    backend,
    { id: sessionId(id), R: fromHex(nonce) },
    { publicKey: fromHex(publicKey), chainCode: fromHex(chainCode) },
    { digest: fromHex(digest), path, rhoS: fromHex(rhoS), rhoD },
  )
  const shares = released.map(({ index, answer }) =>
    decodeSignatureShare(Uint8Array.from([...id, ...rhoD, ...fromHex(answer.share)]), partyIndex(index)),
  )
  return toHex(encodeSignature(combine(backend, target, [theirs, ...shares], 'evm')))
}

/** @throws {WireError} `VALIDATION_FAILED` unless it is one */
export function deviceShare({ share, device }: FromDevice): SignatureShare {
  if (share === undefined) throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: needed')
  try {
    return decodeSignatureShare(fromBase64url(share), partyIndex(device))
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: not a signature share', { cause })
  }
}
