import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealWithAge } from '@tandem/client/backup'
import { encodeShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { verifyMessage, Wallet as EthersWallet } from 'ethers'
import { command as commandHere } from '../../infra/recover/src/command.ts'
import { sealDeviceShare } from '../../shared/client/src/backup/device-share.ts'
import { fast } from '../helpers/backends.ts'
import { type BothBackups, bothBackups } from '../helpers/both-backups.ts'

const MAIN = join(import.meta.dirname, '../../infra/recover/src/main.ts')
const PASSWORD = 'correct horse battery staple'

let folder: string
let ours: BothBackups
let later: BothBackups
let files: Record<'--device' | '--sigpair' | '--recovery-key' | '--identity-file', string>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-recover-'))
  ours = await bothBackups('recover', 3)
  later = await bothBackups('recover', 4)
  files = {
    '--device': keep('device.age', ours.file),
    '--sigpair': keep('sigpair.json', ours.json),
    '--recovery-key': keep('recovery.hex', `${toHex(ours.dk)}\n`),
    '--identity-file': keep('identity.txt', `${ours.identity}\n`),
  }
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function keep(name: string, content: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

type Said = { readonly exit: number | null; readonly out: string; readonly err: string }

/** The command as a process of its own, with nobody at its terminal. */
function command(...args: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 60_000 })
  return discreet({ exit: status, out: stdout, err: stderr })
}

/** The same in this process. */
async function here(changed: Partial<typeof files>): Promise<Said> {
  const [out, err]: [string[], string[]] = [[], []]
  const lines = { say: (line: string) => void out.push(line), complain: (line: string) => void err.push(line) }
  const exit = await commandHere(Object.entries({ ...files, ...changed }).flat(), lines)
  return discreet({ exit, out: out.join('\n'), err: err.join('\n') })
}

function discreet(said: Said): Said {
  for (const secret of secretsOf(ours)) expect(`${said.out}${said.err}`.toLowerCase()).not.toContain(secret)
  return said
}

function secretsOf({ secret, device, sigpair, dk, identity }: BothBackups): string[] {
  const numbers = [secret, ...[device.secret, sigpair.secret, dk].map(toHex)].map((hex) => hex.slice(2))
  return [...numbers, identity.toLowerCase(), PASSWORD]
}

const withFiles = (changed: Partial<typeof files> = {}, ...more: readonly string[]) =>
  command(...Object.entries({ ...files, ...changed }).flat(), ...more)

test('says whose the two backups are, and shows the hash that the app shows', () => {
  const { exit, out, err } = withFiles()
  expect([exit, err]).toEqual([0, ''])
  expect(out).toContain(ours.address)
  expect(out).toContain('epoch              3')
  expect(out).toContain(ours.verificationHash)
})

test('takes bytes, text and JSON of Sigpair’s backup, and a passphrase for the device’s', async () => {
  const raw = keep('sigpair.pve', ours.encryptedData)
  const text = keep('sigpair.txt', (JSON.parse(ours.json) as { encryptedData: string }).encryptedData)
  const key = keep('recovery.bin', ours.dk)
  const locked = await sealDeviceShare(encodeShare(fast, ours.device), sealWithAge({ passphrase: PASSWORD }))
  const passphrase = [
    '--device',
    keep('locked.age', locked),
    '--passphrase-file',
    keep('passphrase.txt', `${PASSWORD}\n`),
  ]

  expect(withFiles({ '--sigpair': text }).out).toContain(ours.address)
  const said = command(...passphrase, '--sigpair', raw, '--recovery-key', key)
  expect(said).toMatchObject({ exit: 0, err: '' })
  expect(said.out).toContain(ours.address)
})

test('--drill signs a text with the two halves, and the signature is the address’s', () => {
  const { exit, out, err } = withFiles({}, '--drill', '--text', 'Are both of you there?')
  expect([exit, err]).toEqual([0, ''])
  const signature = /signature +(0x[0-9a-f]{130})/.exec(out)?.[1] ?? ''
  expect(verifyMessage('Are both of you there?', signature)).toBe(ours.address)
})

test('--out writes a keystore that another wallet opens, for its owner’s eyes, and over nothing', async () => {
  const out = join(folder, 'keystore.json')
  const password = ['--password-file', keep('password.txt', `${PASSWORD}\n`)]
  expect(withFiles({}, '--out', out, ...password)).toMatchObject({ exit: 0, err: '' })
  const wallet = await EthersWallet.fromEncryptedJson(readFileSync(out, 'utf8'), PASSWORD)
  expect([wallet.address, wallet.privateKey]).toEqual([ours.address, ours.secret])
  expect(statSync(out).mode & 0o777).toBe(0o600)

  const before = readFileSync(out)
  expect(withFiles({}, '--out', out, ...password)).toMatchObject({
    exit: 3,
    out: expect.not.stringContaining('keystore'),
  })
  expect(readFileSync(out)).toEqual(before)
}, 60_000)

describe('refuses, and says why:', () => {
  const wrong: readonly (readonly [string, RegExp, () => Partial<typeof files>])[] = [
    ['a file that is not there', /cannot be read/, () => ({ '--sigpair': join(folder, 'nowhere') })],
    ['a device’s backup that is no age file', /not an age file/, () => ({ '--device': keep('no.age', 'hello') })],
    ['a damaged age file', /does not open/, () => ({ '--device': keep('bad.age', flipped(ours.file)) })],
    ['another age identity', /does not open/, () => ({ '--identity-file': keep('other.txt', later.identity) })],
    [
      'no age identity at all',
      /not an age identity/,
      () => ({ '--identity-file': keep('none.txt', 'AGE-SECRET-KEY') }),
    ],
    ['Sigpair’s backup of another epoch', /different epochs/, () => ({ '--sigpair': keep('later.json', later.json) })],
    [
      'Sigpair’s backup of another epoch, as bytes',
      /epoch 3 does not open/,
      () => ({ '--sigpair': keep('later.pve', later.encryptedData) }),
    ],
    ['a damaged ciphertext', /is damaged/, () => ({ '--sigpair': keep('cut.pve', ours.encryptedData.slice(1)) })],
    [
      'a ciphertext that is not the one its file names',
      /verification hash/,
      () => ({ '--sigpair': keep('lie.json', ours.json.replace(ours.verificationHash, later.verificationHash)) }),
    ],
    [
      'another recovery key',
      /does not open/,
      () => ({ '--recovery-key': keep('other.key', new Uint8Array(32).fill(7)) }),
    ],
    ['a recovery key that is none', /32 bytes nor 64 hex/, () => ({ '--recovery-key': keep('short.key', 'abc') })],
    ['a recovery key of zero', /private half/, () => ({ '--recovery-key': keep('zero.key', new Uint8Array(32)) })],
  ]

  test.each(wrong)('%s', async (_name, why, change) => {
    const { exit, out, err } = await here(change())
    expect([exit, out]).toEqual([3, ''])
    expect(err).toMatch(why)
  })

  test('a keystore without a password worth the name', () => {
    const out = join(folder, 'weak.json')
    const said = withFiles({}, '--out', out, '--password-file', keep('weak.txt', 'short'))
    expect(said).toMatchObject({ exit: 3, err: expect.stringContaining('10 characters') as string })
    expect(existsSync(out)).toBe(false)
  })

  test('a passphrase that nobody is there to type', () => {
    const { '--identity-file': _, ...rest } = files
    const said = command(...Object.entries(rest).flat())
    expect(said).toMatchObject({ exit: 3, err: expect.stringContaining('terminal') as string })
  })

  test('a command line it does not know', () => {
    expect(command('--device')).toMatchObject({ exit: 2 })
    expect(withFiles({}, '--text', 'for what?')).toMatchObject({ exit: 2 })
    expect(command('--help')).toMatchObject({ exit: 0, err: '' })
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const last = bytes.length - 1
  return bytes.with(last, (bytes[last] ?? 0) ^ 1)
}
