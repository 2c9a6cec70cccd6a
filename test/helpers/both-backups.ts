import { createAgeIdentity, sealWithAge } from '@tandem/client/backup'
import { type KeyShare, backupHash, backupKey, backupStatement, encodeShare, pveEncrypt } from '@tandem/ecdsa'
import { partyIndex, runAlone } from '@tandem/rounds'
import { toBase64url, toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { sealDeviceShare } from '../../shared/client/src/backup/device-share.ts'
import { fast } from './backends.ts'
import { dealtKey } from './dealt-key.ts'
import { seeded } from './rng.ts'

/** Everything the owner of a key keeps, and the key itself. */
export type BothBackups = {
  readonly address: string
  /** x, 0x-hex: what must never be printed */
  readonly secret: string
  readonly device: KeyShare
  readonly sigpair: KeyShare
  /** age file, and the age identity that opens it */
  readonly file: Uint8Array
  readonly identity: string
  readonly encryptedData: Uint8Array
  readonly verificationHash: string
  readonly dk: Uint8Array
  readonly ek: Uint8Array
  /** as the API answers it */
  readonly json: string
}

/** The same for the same seed, but for the randomness of age. */
export async function bothBackups(seed: string, epoch: number): Promise<BothBackups> {
  const rng = seeded(seed)
  const dealt = dealtKey(fast, 2, rng, epoch)
  const [device, sigpair] = dealt.signers.map((party) => dealt.keys.get(party)!.share)
  if (device === undefined || sigpair === undefined) throw new Error('a key of two')
  const { dk, ek } = backupKey(fast, rng)
  const statement = backupStatement(device, { party: partyIndex(2), purpose: 'recovery', ek })
  const encryptedData = await runAlone(pveEncrypt(fast, statement, sigpair.secret, rng), async () => undefined)
  const verificationHash = toHex(backupHash(fast, encryptedData))
  const { identity, recipient } = await createAgeIdentity()
  const seal = sealWithAge({ recipient })
  const answer = {
    backupId: 'bak_AAAAAAAAAAAAAAAAAAAAAA',
    epoch,
    encryptedData: toBase64url(encryptedData),
    verificationHash,
  }
  return {
    address: computeAddress(toHex(device.publicKey)),
    secret: `0x${dealt.secret.toString(16).padStart(64, '0')}`,
    file: await sealDeviceShare(encodeShare(fast, device), seal),
    json: JSON.stringify(answer),
    ...{ device, sigpair, identity, encryptedData, verificationHash, dk, ek },
  }
}
