import { backupKey, decodePair, decodeShare, type KeyShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { type Refreshed, refreshOnDevice } from '../../shared/client/src/dialogue/dialogue-refresh.ts'
import type { DeviceEpoch } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from '../helpers/backends.ts'
import { type PaperKey, paperDevice, paperKey, paperRecord } from '../helpers/paper-device.ts'
import { type PaperDialogue, paperDialogue } from '../helpers/paper-dialogue.ts'
import { seeded } from '../helpers/rng.ts'

const { ek } = backupKey(fast, seeded('recovery kit'))

let key: PaperKey
beforeAll(async () => {
  key = await paperKey('refresh dialogue')
})

type Options = {
  readonly ek?: Uint8Array
  readonly tamper?: (backup: Uint8Array) => Uint8Array
  readonly stage?: (epoch: DeviceEpoch) => Promise<void>
}

/** A device's side of a refresh, and the diary of what it said and stored. */
async function refreshing(options: Options = {}): Promise<PaperDialogue & { readonly result: Refreshed | Error }> {
  const { device } = await paperDevice(paperRecord(key), {})
  const identity = await device.identity()
  const paper = paperDialogue(key.sigpair, identity.identity, options.ek, options.tamper)
  const stage = async (epoch: DeviceEpoch) => {
    await options.stage?.(epoch)
    paper.diary.push('stage')
  }
  const run = { ...device, device: identity, keys: await device.sigpairKeys(), share: key.device, stage }
  const result = await refreshOnDevice(paper.legs, { ...run, recoveryKeys: [toHex(ek)] }).catch(
    (error: unknown) => error as Error,
  )
  return { ...paper, result }
}

function staged(result: Refreshed | Error): KeyShare {
  if (result instanceof Error) throw result
  return decodeShare(fast, result.stage.share)
}

const ROUNDS = ['refresh 1', 'refresh 2', 'refresh 3', 'stage', 'refresh 4', 'presign 1', 'presign 2', 'presign 3']

test('the stage is stored before the acknowledgement leaves, rehearsed after it, and only then said to be stored', async () => {
  const { diary, result } = await refreshing()
  expect(diary).toEqual([...ROUNDS, 'stored'])
  const share = staged(result)
  expect([share.epoch, toHex(share.publicKey)]).toEqual([key.device.epoch + 1, toHex(key.device.publicKey)])
})

test('the stage is the partner of what Sigpair has, share and pair, with this device’s identity', async () => {
  const { result, sigpair } = await refreshing()
  const [ours, theirs] = [staged(result), (await sigpair).share]
  expect(ours.publicShares).toEqual(theirs.publicShares)
  expect([ours.ssid, ours.conf, ours.identities]).toEqual([theirs.ssid, theirs.conf, theirs.identities])
  if (result instanceof Error) throw result
  expect(decodePair(fast, ours, result.stage.pairs[0]!.setup).peer).toBe(2)
})

test('no acknowledgement leaves a device whose vault fails', async () => {
  const stage = async () => Promise.reject(new Error('the disk is full'))
  const { diary, result } = await refreshing({ stage })
  expect(result).toMatchObject({ message: 'the disk is full' })
  expect(diary).toEqual(ROUNDS.slice(0, 3))
})

test('the new backup of Sigpair’s share comes verified, before the device has said its last word', async () => {
  const { diary, result } = await refreshing({ ek })
  if (result instanceof Error) throw result
  expect(result.backup).toMatchObject({ epoch: key.device.epoch + 1, encryptionKey: toHex(ek) })
  expect(diary.at(-1)).toBe('stored')
})

test('L7 a backup that does not verify ends the dialogue unacknowledged: nobody can commit what it belongs to', async () => {
  const { diary, result } = await refreshing({ ek, tamper: (backup) => backup.with(500, (backup[500] ?? 0) ^ 1) })
  expect(result).toMatchObject({ code: 'ANSWER_REFUSED' })
  expect(diary).toEqual(ROUNDS)
})
