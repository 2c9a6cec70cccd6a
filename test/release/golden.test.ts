import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { memoryVault } from '@tandem/client'
import { openAgeFile, openSigpairBackup, readDeviceShareContent, shareOfSigpair } from '@tandem/client/backup'
import {
  backupStatement,
  decodePair,
  decodeShare,
  decodeStage,
  encodePair,
  encodeShare,
  encodeStage,
  fromBytesBE,
  pveVerify,
  q,
} from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { decodeFrame, encodeFrame, FRAME_PROTOCOLS, SUITE_NAME, SUITE_NUMBER } from '@tandem/wire'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'

type Manifest = {
  readonly suite: { readonly name: string; readonly number: number }
  readonly publicKey: string
  readonly stageBytes: readonly [number, number]
  readonly wallet: { readonly keyId: string; readonly current: object; readonly pair: object }
  readonly ageIdentity: string
  readonly recoveryKey: string
  readonly frames: readonly string[]
}

const releases = readdirSync(import.meta.dirname).filter((name) => name.startsWith('golden-'))

test('the first release is among those that must load', () => expect(releases).toContain('golden-0.1.0'))

describe.each(releases)('%s, with today’s code', (release) => {
  const read = (name: string) => Uint8Array.from(readFileSync(join(import.meta.dirname, release, name)))
  const golden = JSON.parse(Buffer.from(read('golden.json')).toString()) as Manifest
  const publicKey = hexToBytes(golden.publicKey)
  const share = decodeShare(fast, read('device-share.bin'))

  test('share and pair load, and are written to the same bytes', () => {
    expect(share.publicKey).toEqual(publicKey)
    expect(encodeShare(fast, share)).toEqual(read('device-share.bin'))
    const pair = decodePair(fast, share, read('device-pair.bin'))
    expect(encodePair(fast, pair)).toEqual(read('device-pair.bin'))
  })

  test('both stages load and hold the two halves of the key', () => {
    const [first] = golden.stageBytes
    const bytes = read('stages.bin')
    const stages = [bytes.slice(0, first), bytes.slice(first)]
    const halves = stages.map((one) => decodeStage(fast, one))
    const sum = halves.reduce((total, { share: half }) => (total + fromBytesBE(half.secret)) % q, 0n)
    expect(fast.encode(fast.mulBase(sum))).toEqual(publicKey)
    expect(halves.map((half) => encodeStage(fast, half))).toEqual(stages)
  })

  test('the wallet in a vault loads whole', async () => {
    const vault = memoryVault()
    await vault.put(`wallet/${golden.wallet.keyId}`, read('wallet-record.bin'))
    const { pair, current, ...wallet } = golden.wallet
    const pairs = [{ peer: 2, setup: read('device-pair.bin') }]
    expect(await loadWallet(vault, wallet.keyId)).toEqual({
      ...wallet,
      current: { ...current, share: read('device-share.bin'), pairs },
      pairs: [{ peer: 2, ...pair }],
    })
  })

  test('the device’s backup opens', async () => {
    const content = await openAgeFile(read('device-share.age'), { identity: golden.ageIdentity })
    expect(readDeviceShareContent(fast, content)).toEqual(share)
  })

  test('Sigpair’s backup verifies unopened, opens, and fits the device’s half', () => {
    const encryptedData = read('sigpair-share.pve')
    const dk = hexToBytes(golden.recoveryKey)
    const ek = fast.encode(fast.mulBase(fromBytesBE(dk)))
    const about = backupStatement(share, { party: partyIndex(2), purpose: 'recovery', ek })
    expect(atOnce(pveVerify(fast, about, encryptedData))).toBe(true)
    const other = shareOfSigpair(fast, share, openSigpairBackup(fast, share, { encryptedData, dk }))
    const sum = (fromBytesBE(share.secret) + fromBytesBE(other.secret)) % q
    expect(fast.encode(fast.mulBase(sum))).toEqual(publicKey)
  })

  test('frames of every protocol are read field by field, and written to the same bytes', () => {
    const names = Object.keys(FRAME_PROTOCOLS)
    for (const [at, hex] of golden.frames.entries()) {
      const frame = decodeFrame(hexToBytes(hex))
      const protocol = names[at]!
      expect(frame).toEqual({
        protocol,
        round: 1 + at,
        from: 1,
        to: 2,
        sid: sha256(Uint8Array.of(at)),
        epoch: at,
        body: seeded(protocol)(3 * at),
      })
      expect(bytesToHex(encodeFrame(frame))).toBe(hex)
    }
  })

  test('the suite has the name and the number it had', () => {
    expect(golden.suite).toEqual({ name: SUITE_NAME, number: SUITE_NUMBER })
  })
})
