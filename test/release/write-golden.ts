import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { memoryVault } from '@tandem/client'
import { createAgeIdentity, deviceShareContent, sealWithAge } from '@tandem/client/backup'
import { backupKey, backupStatement, decodeStage, encodePair, encodeShare, pveEncrypt } from '@tandem/ecdsa'
import { partyIndex } from '@tandem/rounds'
import { encodeFrame, FRAME_PROTOCOLS, type FrameProtocol, SUITE_NAME, SUITE_NUMBER } from '@tandem/wire'
import { saveWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { atOnce } from '../helpers/at-once.ts'
import { fast } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'
import { goldenDialogue } from './recorded-dialogue.ts'

/**
 * `write-golden.ts VERSION`: what a release writes, for later ones to load (docs/release.md, section 3). The key is that of
 * test/vectors/stage-v1_tandem.json, which is nobody's. Never over files that are there.
 */
const version = process.argv[2]
if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) throw new Error('which version?')
const folder = join(import.meta.dirname, `golden-${version}`)
mkdirSync(folder)
const write = (name: string, content: Uint8Array | string) => writeFileSync(join(folder, name), content, { flag: 'wx' })

const vectors = new URL('../vectors/stage-v1_tandem.json', import.meta.url)
const { stages } = JSON.parse(readFileSync(vectors, 'utf8')) as { stages: readonly [string, string] }
const [device, sigpair] = stages.map((hex) => decodeStage(fast, hexToBytes(hex))) as [Stage, Stage]
type Stage = ReturnType<typeof decodeStage>

const share = encodeShare(fast, device.share)
const pair = encodePair(fast, device.pairs[0]!)
write('device-share.bin', share)
write('device-pair.bin', pair)
write('stages.bin', Buffer.concat(stages.map((hex) => hexToBytes(hex))))

const recoveryKey = `0x${'02'.repeat(33)}`
const record = {
  keyId: bytesToHex(device.share.keyId),
  name: 'first wallet',
  profileId: 'prof_golden',
  address: `0x${'ab'.repeat(20)}`,
  publicKey: `0x${bytesToHex(device.share.publicKey)}`,
  current: { epoch: device.share.epoch, stageId: `0x${'11'.repeat(32)}`, share, pairs: [{ peer: 2, setup: pair }] },
  stage: null,
  pairs: [{ peer: 2, status: 'ACTIVE', opened: 7, passed: 7 }],
  restoring: null,
  recoveryKeys: [recoveryKey],
} as const
const vault = memoryVault()
await saveWallet(vault, record)
write('wallet-record.bin', (await vault.get(`wallet/${record.keyId}`))!)

const age = await createAgeIdentity()
write('device-share.age', await sealWithAge({ recipient: age.recipient })(deviceShareContent(share)))

const owner = backupKey(fast, seeded('the owner of the golden backup'))
const about = backupStatement(device.share, { party: partyIndex(2), purpose: 'recovery', ek: owner.ek })
const sealed = atOnce(pveEncrypt(fast, about, sigpair.share.secret, seeded('golden backup')))
write('sigpair-share.pve', sealed)

/** One of each protocol; the body of the last is as long as its number of bytes says. */
const frames = (Object.keys(FRAME_PROTOCOLS) as FrameProtocol[]).map((protocol, at) => {
  const sid = sha256(Uint8Array.of(at))
  return bytesToHex(
    encodeFrame({ protocol, round: 1 + at, from: 1, to: 2, sid, epoch: at, body: seeded(protocol)(3 * at) }),
  )
})
const manifest = {
  note: `What release ${version} wrote. It must load for ever; the key is nobody's.`,
  suite: { name: SUITE_NAME, number: SUITE_NUMBER },
  publicKey: bytesToHex(device.share.publicKey),
  stageBytes: stages.map((hex) => hex.length / 2),
  wallet: { ...record, current: { epoch: record.current.epoch, stageId: record.current.stageId } },
  ageIdentity: age.identity,
  recoveryKey: bytesToHex(owner.dk),
  frames,
}
write('golden.json', `${JSON.stringify(manifest, null, 2)}\n`)
write('dialogue.json', `${JSON.stringify(await goldenDialogue(Date.now()), null, 2)}\n`)
