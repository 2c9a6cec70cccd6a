import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, normalize, resolve } from 'node:path'
import { promisify } from 'node:util'

const ROOT = resolve(import.meta.dirname, '../..')
const SLOW_MS = 120_000

/** Without a browser there is nothing to try: `apt install chromium`. */
const present = spawnSync('chromium', ['--version']).error === undefined
const withChromium = present ? test : test.skip

const PAGE = `<!doctype html><body><script type="module">
  import { createTandemClient, memoryVault } from './index.js'
  import { createRecoveryKit, createAgeIdentity, openAgeFile, sealWithAge } from './backup.js'
  const { identity, recipient } = await createAgeIdentity()
  const opened = await openAgeFile(await sealWithAge({ recipient })(Uint8Array.of(1, 2, 3)), { identity })
  const vault = memoryVault()
  await vault.put('a', opened)
  document.body.textContent = [typeof createTandemClient, typeof createRecoveryKit, ...(await vault.get('a'))].join(' ')
</script></body>`

let folder: string
let server: Server

beforeAll(async () => {
  if (!present) return
  folder = mkdtempSync(join(tmpdir(), 'tandem-browser-'))
  execFileSync(process.execPath, [join(ROOT, 'infra/release/client-main.ts'), '--out', folder])
  server = createServer((request, answer) => serve(request.url ?? '/', answer))
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
}, SLOW_MS)

function serve(url: string, answer: ServerResponse): void {
  answer.setHeader('content-type', url === '/' ? 'text/html' : 'text/javascript')
  try {
    answer.end(url === '/' ? PAGE : readFileSync(join(folder, 'client', normalize(url))))
  } catch {
    answer.writeHead(404).end()
  }
}

afterAll(async () => {
  if (!present) return
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  rmSync(folder, { recursive: true, force: true })
})

withChromium(
  'a browser page loads the packed client as it is, without a bundler, and seals and opens a backup',
  async () => {
    const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const profile = `--user-data-dir=${join(folder, 'profile')}`
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', profile, '--virtual-time-budget=20000', '--dump-dom']
    const { stdout } = await promisify(execFile)('chromium', [...flags, page], { timeout: SLOW_MS })
    expect(stdout).toContain('<body>function function 1 2 3</body>')
  },
  SLOW_MS,
)
