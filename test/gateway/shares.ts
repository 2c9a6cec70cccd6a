import { decodePresignature, derive, encodePresignature, encodeSignatureShare, onlineShare } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { fromHex, type ReleasedShare, toBase64url, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, presignAll } from '../helpers/signing.ts'
import { outputs } from '../helpers/simulate.ts'

// One presignature of members 1 and 2 of three with the device, party 4; used again and again, as no service could.

const SIGNERS = [1, 2, 4].map(partyIndex)
const key = { ...dealtDeviceKey(fast, 2, 3, seeded('gateway')), signers: SIGNERS }
const current = currentKey(key)
const sealed = outputs(await presignAll(key, { backend: fast, seed: 'gateway' })).map(encodePresignature)
const rhoD = new Uint8Array(32).fill(0xd1)

export const PATH = [44, 60]

/** The child key that signs, 33 bytes. */
export const child = derive(fast, current, PATH).publicKey

const presignatureOf = (party: number) => decodePresignature(sealed[SIGNERS.indexOf(partyIndex(party))]!)

function shareOf(party: number, digest: Uint8Array, rhoS: string) {
  const message = { digest, path: PATH, rhoS: fromHex(rhoS), rhoD }
  return onlineShare(fast, presignatureOf(party), current, message).share
}

/** As member `index`, 1 or 2, answers it. */
export function releaseOf(index: number, digest: Uint8Array, rhoS: string): ReleasedShare {
  const { u, w } = shareOf(index, digest, rhoS)
  return {
    ...{ signers: [1, 2, 4], nonce: toHex(presignatureOf(index).R), share: toHex(Uint8Array.of(...u, ...w)) },
    ...{ publicKey: toHex(current.publicKey), chainCode: toHex(current.chainCode), epoch: 0, path: PATH, rhoS },
  }
}

/** As the device sends it. */
export function shareOfDevice(digest: Uint8Array, rhoS: string): string {
  return toBase64url(encodeSignatureShare(shareOf(4, digest, rhoS)))
}
