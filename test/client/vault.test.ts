import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryVault, type Vault } from '@tandem/client'
import { fileVault } from '@tandem/client/node'

const KEY = new Uint8Array(32).fill(7)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-vault-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const engines: readonly (readonly [string, () => Promise<Vault>])[] = [
  ['memory', async () => memoryVault()],
  ['file', async () => fileVault(folder, KEY)],
]

describe.each(engines)('the %s vault', (_, open) => {
  test('gives back what was put last, and nothing for an unknown name', async () => {
    const vault = await open()
    await vault.put('wallet/é:1', Uint8Array.of(1, 2))
    await vault.put('wallet/é:1', Uint8Array.of(3))
    expect(await vault.get('wallet/é:1')).toEqual(Uint8Array.of(3))
    expect(await vault.get('wallet/2')).toBeUndefined()
  })

  test('lists by prefix, in order, without what was deleted', async () => {
    const vault = await open()
    for (const name of ['b/2', 'a/1', 'b/1', 'b/3']) await vault.put(name, Uint8Array.of(0))
    await vault.delete('b/3')
    expect(await vault.list('b/')).toEqual(['b/1', 'b/2'])
  })

  test('keeps its own copy', async () => {
    const vault = await open()
    const value = Uint8Array.of(1)
    await vault.put('a', value)
    value[0] = 9
    expect(await vault.get('a')).toEqual(Uint8Array.of(1))
  })
})

describe('the file vault', () => {
  test('opens with its key only', async () => {
    await (await fileVault(folder, KEY)).put('a', Uint8Array.of(1))
    const stranger = await fileVault(folder, new Uint8Array(32).fill(8))
    await expect(stranger.get('a')).rejects.toMatchObject({ code: 'VAULT' })
  })

  test('refuses a file with any byte changed, and one moved to another name', async () => {
    const vault = await fileVault(folder, KEY)
    await vault.put('a', Uint8Array.of(1, 2, 3))
    const [file] = await readdir(folder)
    const path = join(folder, file!)
    const bytes = await readFile(path)
    for (let at = 0; at < bytes.length; at++) {
      const bad = Uint8Array.from(bytes)
      bad[at]! ^= 1
      await writeFile(path, bad)
      await expect(vault.get('a')).rejects.toMatchObject({ code: 'VAULT' })
    }
    await writeFile(join(folder, `${Buffer.from('b').toString('hex')}.vault`), bytes)
    await expect(vault.get('b')).rejects.toMatchObject({ code: 'VAULT' })
  })

  test('holds a whole value, old or new, after its writer is killed', async () => {
    const script = `
      import { fileVault } from '@tandem/client/node'
      const vault = await fileVault(${JSON.stringify(folder)}, new Uint8Array(32).fill(7))
      for (let i = 0; ; i = (i + 1) % 256) await vault.put('a', new Uint8Array(20_000).fill(i))`
    for (const ms of [60, 95, 130]) {
      const writer = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname })
      const vault = await fileVault(folder, KEY)
      while ((await vault.get('a')) === undefined) await new Promise((r) => setTimeout(r, 5))
      await new Promise((r) => setTimeout(r, ms))
      const gone = new Promise((r) => writer.once('exit', r))
      writer.kill('SIGKILL')
      await gone

      const value = (await vault.get('a'))!
      expect(value.length).toBe(20_000)
      expect(new Set(value).size).toBe(1)
    }
  })
})
