import { scryptSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleBackups, createAgeIdentity, sealWithAge } from '@tandem/client/backup'
import {
  backupHash,
  backupHashOfNodes,
  backupKey,
  backupStatement,
  encodeShare,
  PVE_BYTES,
  type KeyShare,
  pveEncrypt,
} from '@tandem/ecdsa'
import { partyIndex, runAlone } from '@tandem/rounds'
import { toBase64url, toHex } from '@tandem/wire'
import { computeAddress, scrypt, verifyMessage, Wallet as EthersWallet } from 'ethers'
import { command } from '../../infra/recover/src/command.ts'
import { sealDeviceShare } from '../../shared/client/src/backup/device-share.ts'
import { fast } from '../helpers/backends.ts'
import { bothBackups } from '../helpers/both-backups.ts'
import { dealtDeviceKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'

// A key of a device and any two of three members.

type Flags = Record<'--device' | '--sigpair' | '--recovery-key' | '--identity-file', string>

/** As long as one. */
const NO_SHARE = new Uint8Array(PVE_BYTES)
const PASSWORD = 'correct horse battery staple'
const rng = seeded('recover beside a committee')
const { keys, secret } = dealtDeviceKey(fast, 2, 3, rng)
const shareOf = (index: number): KeyShare => keys.get(partyIndex(index))!.share
const { dk, ek } = backupKey(fast, rng)
const address = computeAddress(toHex(shareOf(4).publicKey))

let folder: string
/** ciphertexts of members 1 to 3 */
let sealed: readonly Uint8Array[]
let files: Flags

beforeAll(async () => {
  // Node's scrypt: the one of ethers takes seconds.
  scrypt.register(async (password, salt, N, r, p, length) =>
    scryptSync(password, salt, length, { N, r, p, maxmem: 256 * N * r }),
  )
  folder = mkdtempSync(join(tmpdir(), 'tandem-recover-committee-'))
  sealed = await Promise.all([1, 2, 3].map(async (index) => sealedShare(shareOf(index))))
  const { identity, recipient } = await createAgeIdentity()
  files = {
    '--device': keep('device.age', await sealDeviceShare(encodeShare(fast, shareOf(4)), sealWithAge({ recipient }))),
    '--sigpair': keep('members.pve', bundle()),
    '--recovery-key': keep('recovery.key', dk),
    '--identity-file': keep('identity.txt', `${identity}\n`),
  }
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function sealedShare(share: KeyShare): Promise<Uint8Array> {
  const statement = backupStatement(share, { party: share.self, purpose: 'recovery', ek })
  return runAlone(pveEncrypt(fast, statement, share.secret, rng), async () => undefined)
}

/** The file an owner keeps, of these members. @param changed other ciphertexts than theirs, by index */
function bundle(indices: readonly number[] = [1, 2, 3], changed: Readonly<Record<number, Uint8Array>> = {}) {
  return bundleBackups(
    indices.map((index) => ({ index: partyIndex(index), encryptedData: changed[index] ?? sealed[index - 1]! })),
  )
}

function keep(name: string, content: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function recover(changed: Partial<Flags> = {}, ...more: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const lines = { say: (line: string) => void out.push(line), complain: (line: string) => void err.push(line) }
  const exit = await command([...Object.entries({ ...files, ...changed }).flat(), ...more], lines, fast)
  const said = { exit, out: out.join('\n'), err: err.join('\n') }
  const secrets = [toHex(dk), ...[1, 2, 3, 4].map((index) => toHex(shareOf(index).secret)), secretHex()]
  for (const one of secrets) expect(`${said.out}${said.err}`.toLowerCase()).not.toContain(one.slice(2))
  return said
}

const secretHex = () => `0x${secret.toString(16).padStart(64, '0')}`
const hashOf = (encrypted: readonly Uint8Array[]) =>
  toHex(
    backupHashOfNodes(
      fast,
      encrypted.map((one) => backupHash(fast, one)),
    ),
  )
const json = (content: object) => keep('members.json', JSON.stringify(content))

test('says whose the file of a committee is, how many members there are, are needed, and open', async () => {
  const { exit, out, err } = await recover()
  expect([exit, err]).toEqual([0, ''])
  expect(out.split('\n')).toEqual([
    `address            ${address}`,
    'epoch              0',
    `verification hash  ${hashOf(sealed)}`,
    'members            3, and 2 of them are needed',
    'opened             3: member 1, member 2, member 3',
  ])
})

test('takes bytes, text, an app’s JSON and the API’s, the last with an entry for each member', async () => {
  // As long as the bytes of four.
  const text = toBase64url(bundle())
  const entries = [2, 1, 3].map((index) => ({ index, epoch: 0, encryptedData: toBase64url(sealed[index - 1]!) }))
  const ofApp = { epoch: 0, encryptedData: text, verificationHash: hashOf(sealed), encryptionKey: toHex(ek) }
  const ofApi = { epoch: 0, encryptedData: toBase64url(sealed[0]!), verificationHash: '0x00', nodes: entries }
  const plain = await recover()
  expect(await recover({ '--sigpair': keep('members.txt', text) })).toEqual(plain)
  expect(await recover({ '--sigpair': json({ ...ofApp, nodes: [hashOf(sealed)] }) })).toEqual(plain)
  expect(await recover({ '--sigpair': json(ofApi) })).toEqual(plain)
})

test('a share that is not in the file is named, and two members sign with the device without it', async () => {
  const part = json({ encryptedData: toBase64url(bundle([2, 3])), verificationHash: hashOf(sealed) })
  const { exit, out } = await recover({ '--sigpair': part }, '--drill', '--text', 'Who is there?')
  expect(exit).toBe(0)
  expect(out).toContain('another verification hash')
  expect(out).toContain('opened             2: member 2, member 3\nnot in the file    member 1\n')
  expect(out).toContain('The device, member 2, member 3 sign')
  const signature = /signature +(0x[0-9a-f]{130})/.exec(out)?.[1] ?? ''
  expect(verifyMessage('Who is there?', signature)).toBe(address)
})

test('--out writes the key, of the members whose shares open', async () => {
  const spoilt = keep('spoilt.pve', bundle([1, 2, 3], { 2: NO_SHARE }))
  const out = join(folder, 'keystore.json')
  const password = ['--password-file', keep('password.txt', PASSWORD)]
  const said = await recover({ '--sigpair': spoilt }, '--out', out, ...password)
  expect(said).toMatchObject({ exit: 0, err: '' })
  expect(said.out).toContain('opened             2: member 1, member 3\nnot opened         member 2: damaged')
  const wallet = await EthersWallet.fromEncryptedJson(readFileSync(out, 'utf8'), PASSWORD)
  expect([wallet.address, wallet.privateKey]).toEqual([address, secretHex()])
})

describe('refuses, and says why:', () => {
  const wrong: readonly (readonly [string, RegExp, () => Promise<Partial<Flags>> | Partial<Flags>])[] = [
    [
      'a share too few in the file',
      /^1 members’ shares of epoch 0 open, 2 are needed, and this file has no others/,
      () => ({ '--sigpair': keep('one.pve', bundle([2])) }),
    ],
    [
      'a member’s share of another epoch, and one that is damaged',
      /^1 members’ shares .* Not opened: member 1, member 2; another recovery key/,
      async () => {
        const later = await sealedShare({ ...shareOf(1), epoch: 1 })
        return { '--sigpair': keep('later.pve', bundle([1, 2, 3], { 1: later, 2: NO_SHARE })) }
      },
    ],
    [
      'a file of another epoch',
      /different epochs: the device’s of 0, Sigpair’s of 1/,
      () => ({ '--sigpair': json({ epoch: 1, encryptedData: toBase64url(bundle()) }) }),
    ],
    [
      'another recovery key',
      /^0 members’ shares .* Not opened: member 3;/,
      () => ({
        '--sigpair': keep('third.pve', bundle([3])),
        '--recovery-key': keep('other.key', new Uint8Array(32).fill(7)),
      }),
    ],
    [
      'a member that the key does not have',
      /share of member 4, and the device’s key has 3 members/,
      () => ({ '--sigpair': keep('four.pve', bundle([1, 2, 4], { 4: sealed[2]! })) }),
    ],
    [
      'a file that is cut off',
      /is damaged: 16528 bytes are expected, or 16529 for each member/,
      () => ({ '--sigpair': keep('cut.pve', bundle().slice(1)) }),
    ],
    [
      'members in no order',
      /not the backup of a committee/,
      () => ({ '--sigpair': keep('twice.pve', bundle([2, 1, 3])) }),
    ],
    [
      'an entry that is no share',
      /an entry of `nodes`/,
      () => ({ '--sigpair': json({ nodes: [{ index: 1, encryptedData: 'AAAA' }] }) }),
    ],
    [
      'one member’s alone, as a Sigpair’s is',
      /of one share, and the device’s of a key that it holds with a committee/,
      () => ({ '--sigpair': keep('single.pve', sealed[0]!) }),
    ],
    [
      'a committee’s beside the device of a pair',
      /of a committee, and the device’s of a key that it holds with one Sigpair/,
      async () => {
        const pair = await bothBackups('pair', 0)
        return { '--device': keep('pair.age', pair.file), '--identity-file': keep('pair.txt', pair.identity) }
      },
    ],
  ]

  test.each(wrong)('%s', async (_name, why, change) => {
    const { exit, out, err } = await recover(await change())
    expect([exit, out]).toEqual([3, ''])
    expect(err).toMatch(why)
  })
})
