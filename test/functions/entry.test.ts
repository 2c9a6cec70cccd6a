import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { startFramework } from './framework.ts'

const directory = mkdtempSync(join(tmpdir(), 'tandem-functions-'))
afterAll(() => rmSync(directory, { recursive: true }))

const env = {
  ISSUERS:
    '[{"issuer":"http://127.0.0.1:1","audience":"tandem","jwksUrl":"http://127.0.0.1:1/jwks","algorithms":["ES256"]}]',
  MODE: 'development',
  STORE_PATH: join(directory, 'backend.sqlite'),
  SIGNING_KEY_FILE: join(directory, 'functions.jwk'),
  DUO_NODE_URL: 'http://127.0.0.1:1/',
  SIGPAIR_URL: 'ws://127.0.0.1:1',
  CHAINS: '{"31337":"http://127.0.0.1:1"}',
}

test('the entry loads nothing heavy and opens nothing', async () => {
  const child = join(import.meta.dirname, 'children/imports.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [child], {
    env: { PATH: process.env['PATH'], ...env },
  })
  const loaded = JSON.parse(stdout) as string[]

  expect(loaded.some((url) => url.endsWith('/functions/src/api.ts'))).toBe(true)
  expect(
    loaded.filter((url) =>
      /\/(@opentelemetry|ethers|firestore|kms|google-gax|@grpc|otpauth|@simplewebauthn|uqr|standardwebhooks|socket\.io-client)\/|\/(ports|endpoints|evm|totp|passkeys|openapi|page)\.ts$/.test(
        url,
      ),
    ),
  ).toEqual([])
  expect(readdirSync(directory)).toEqual([])
})

test('the entry bounds the framework by itself when it was not preloaded', async () => {
  const framework = await startFramework({ ...env, NODE_OPTIONS: '' })
  const broken = await fetch(`${framework.url}/api/v1/mpc/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"',
  })
  expect(await broken.json()).toMatchObject({ error: 'UNAUTHENTICATED' })
  await framework.stop()
})

test('what runs when the process is told to end is answered, nothing new is taken, and it ends with 0', async () => {
  const framework = await startFramework(env)
  const asking = request(`${framework.url}/api/v1/mpc/sign`, { method: 'POST', headers: { 'content-length': 2 } })
  const answered = once(asking, 'response')
  asking.write('{')
  await untilHeard(framework.url)
  const ended = framework.stop()
  const refused = () =>
    fetch(`${framework.url}/health/live`).then(
      () => false,
      () => true,
    )
  while (!(await refused())) await new Promise((again) => setTimeout(again, 20))
  asking.end('}')
  const [answer] = (await answered) as [IncomingMessage]
  expect(answer.statusCode).toBe(401)
  answer.resume()
  expect(await ended).toBe(0)
})

/** Whatever was sent before this has arrived. */
const untilHeard = async (url: string) => (await fetch(`${url}/health/live`)).text()

test('a configuration that is not complete is refused at the start, naming every variable and no value', () => {
  expect(() => readFunctionsConfig({ DUO_NODE_URL: 'ftp://secret' })).toThrow(/ISSUERS: is not set[^]*\n.*STORE_PATH/)
  expect(() => readFunctionsConfig({ ...env, DUO_NODE_URL: 'ftp://secret' })).toThrow(
    /DUO_NODE_URL: a URL starting with http/,
  )
  expect(() => readFunctionsConfig({ DUO_NODE_URL: 'ftp://secret' })).not.toThrow(/secret/)
})

test('a configuration becomes what the code needs', () => {
  expect(readFunctionsConfig(env)).toMatchObject({
    host: '127.0.0.1',
    duoNodeUrl: 'http://127.0.0.1:1',
    chains: new Map([[31337, 'http://127.0.0.1:1']]),
    hosts: ['127.0.0.1', 'localhost', '[::1]'],
    origins: [],
  })
})
