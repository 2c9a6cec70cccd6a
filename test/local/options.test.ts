import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingForFirestore } from '@tandem/local'
import { HELP, parseOptions } from '../../infra/local/src/options.ts'
import { freePort } from '../helpers/stack.ts'

test('without a word everything is SQLite, on the documented ports', () => {
  const { storage, ports, host } = parseOptions([], {})
  expect(storage).toEqual({ engine: 'sqlite' })
  expect(ports).toMatchObject({ functions: 3000, sigpair: 8080, firestore: 8088 })
  expect(host).toBe('127.0.0.1')
})

test('Firestore is chosen by flag or variable, with an emulator of ours or the given one', () => {
  const own = { engine: 'firestore', projectId: 'demo-tandem' }
  expect(parseOptions([], { STORE: 'firestore' }).storage).toEqual(own)
  expect(parseOptions(['--store', 'firestore'], { STORE: 'sqlite' }).storage).toEqual(own)
  const given = { FIRESTORE_EMULATOR_HOST: '127.0.0.1:1', FIRESTORE_PROJECT: 'demo-other' }
  expect(parseOptions([], { STORE: 'firestore', ...given }).storage).toEqual({
    engine: 'firestore',
    projectId: 'demo-other',
    emulatorHost: '127.0.0.1:1',
  })
  expect(parseOptions(['--firestore-port', '9999'], {}).ports.firestore).toBe(9_999)
})

test('another engine and a real project are refused', () => {
  expect(() => parseOptions(['--store', 'mysql'], {})).toThrow(/--store: mysql/)
  const real = { STORE: 'firestore', FIRESTORE_PROJECT: 'wallet-production' }
  expect(() => parseOptions([], real)).toThrow(/FIRESTORE_PROJECT.*demo-/)
})

test('a committee takes Sigpair’s place by flag or variable, where its members can have files and processes of their own', () => {
  expect(parseOptions([], {}).p2).toBe('pair')
  expect(parseOptions([], { P2: 'committee' }).p2).toBe('committee')
  expect(parseOptions(['--p2', 'pair'], { P2: 'committee' }).p2).toBe('pair')
  expect(() => parseOptions([], { P2: 'commitee' })).toThrow(/--p2: commitee/)
  expect(() => parseOptions([], { P2: 'committee', STORE: 'firestore' })).toThrow(/--p2 committee.*firestore/)
  expect(() => parseOptions(['--deterministic'], { P2: 'committee' })).toThrow(/--p2 committee.*deterministic/)
})

test('two of each service are for a pair, each in processes of its own', () => {
  expect(parseOptions([], {}).instances).toBeUndefined()
  expect(parseOptions(['--scale'], {}).instances).toBe(2)
  for (const other of [['--p2', 'committee'], ['--deterministic']])
    expect(() => parseOptions(['--scale', ...other], {})).toThrow(/--scale: .*not with/)
})

test('the help names every flag', () => {
  for (const flag of ['--p2', '--store', '--firestore-port', 'FIRESTORE_EMULATOR_HOST', 'STORE'])
    expect(HELP).toContain(flag)
})

test('an installation of gcloud without the emulator is told to add it, before anything asks the network', () => {
  const root = mkdtempSync(join(tmpdir(), 'tandem-gcloud-'))
  for (const folder of ['bin', 'lib']) mkdirSync(join(root, folder))
  for (const file of ['bin/gcloud', 'bin/java', 'lib/gcloud.py']) writeFileSync(join(root, file), '', { mode: 0o700 })
  const { PATH } = process.env
  process.env['PATH'] = join(root, 'bin')
  try {
    expect(missingForFirestore()).toMatch(/needs the component cloud-firestore-emulator of gcloud/)
    mkdirSync(join(root, 'platform/cloud-firestore-emulator'), { recursive: true })
    expect(missingForFirestore()).toBeUndefined()
  } finally {
    process.env['PATH'] = PATH
    rmSync(root, { recursive: true })
  }
})

test('where the emulator cannot be started npm start says what is missing, and starts nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-options-'))
  const start = join(import.meta.dirname, '../../infra/local/src/start.ts')
  const env = { PATH: directory, STORE: 'firestore', TMPDIR: directory }
  const port = String(await freePort())
  const child = spawn(process.execPath, [start, '--once', '--firestore-port', port], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  for await (const chunk of child.stdout) said += String(chunk)
  expect(said).toMatch(/needs gcloud on the PATH and java on the PATH/)
  expect(said).toMatch(/gcloud components install cloud-firestore-emulator/)
  expect(said).not.toMatch(/✓/)
  rmSync(directory, { recursive: true })
})
