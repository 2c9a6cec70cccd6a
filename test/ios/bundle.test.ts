import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { buildDevice, DEVICE_FILE } from '../../infra/bundle/device.ts'
import { ROOT } from '../../infra/bundle/targets.ts'

/** Read and compiled at every start of an app. */
const MAX_BYTES = 700_000

const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'tandem-device-')))
let script: string

beforeAll(async () => {
  script = readFileSync(join(await buildDevice(folders[0]!), DEVICE_FILE), 'utf8')
})
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

test('the device’s script is the same byte for byte wherever it is built, and says nothing of where', async () => {
  expect(readFileSync(join(await buildDevice(folders[1]!), DEVICE_FILE), 'utf8')).toBe(script)
  expect(script).not.toContain(ROOT)
  expect(Buffer.byteLength(script)).toBeLessThan(MAX_BYTES)
})

test('it is a classic script that runs where there is the language and nothing else', async () => {
  const bare = createContext(Object.create(null))
  runInContext(
    'for (const name of ["WebAssembly", "console", "SharedArrayBuffer", "Atomics"]) delete globalThis[name]',
    bare,
  )
  runInContext(script, bare)
  runInContext(
    `var heard = [], seed = 1
     const random = (n) => Uint8Array.from({ length: n }, () => (seed = (seed * 48271) % 2147483647) & 255)
     const post = (name, text, bytes) => heard.push([name, text, bytes.map((b) => b.length)])
     const deliver = TandemDevice.start({ random, post }, '{"baseUrl":"http://127.0.0.1:1","pin":"trust-on-first-use"}')
     deliver('call', '{"call":7,"method":"createRecoveryKit","given":{}}', [])`,
    bare,
  )
  await new Promise((resume) => setImmediate(resume))
  const [[name, text, lengths]] = JSON.parse(runInContext('JSON.stringify(heard)', bare) as string) as [Heard]
  expect([name, lengths]).toEqual(['returned', [32]])
  expect(JSON.parse(text)).toMatchObject({ call: 7, value: { dk: { $bytes: 0 } } })
})

type Heard = readonly [name: string, text: string, lengths: readonly number[]]
