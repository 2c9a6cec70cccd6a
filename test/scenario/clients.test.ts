import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { TandemClient, Wallet } from '@tandem/client'
import { openSqlite } from '@tandem/store'
import { parseEther } from 'ethers'
import { URI } from 'otpauth'
import { keyStates } from '../../functions/src/ports/key-states.ts'
import { freePort, startTestStack, type TestStack } from '../helpers/stack.ts'

/** The programs of docs/clients, as they stand, against a whole Tandem: each service a process of its own. */
const ROOT = resolve(import.meta.dirname, '../..')

let stack: TestStack
let alice: TandemClient
let wallet: Wallet

beforeAll(async () => {
  stack = await startTestStack()
  alice = stack.device('alice')
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('1'))
})
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

/** All blocks of one language, in order. */
function blocksOf(page: string, language: string): string {
  const text = readFileSync(join(ROOT, 'docs/clients', page), 'utf8')
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))]
  return blocks.map(([, block]) => block).join('\n')
}

async function run(program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const { PATH = '' } = process.env
  // where socket.io-client is found
  const options = { env: { PATH, ...env }, cwd: join(ROOT, 'test'), timeout: 60_000 }
  const running = promisify(execFile)(program, args, options)
  const { stdout } = await running.catch((error: { readonly stdout: string; readonly code: number }) => {
    throw new Error(`ended with ${error.code} after it had said:\n${error.stdout.slice(-1_000)}`)
  })
  return stdout
}

/** A wallet that may be frozen, and a code for that. */
async function walletToFreeze(user: string): Promise<{ readonly wallet: Wallet; readonly code: string }> {
  const device = stack.device(user)
  const totp = URI.parse((await device.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const [code = ''] = await device.confirmSecondFactor(totp.generate())
  const wallet = await device.createWallet('Savings')
  await device.close()
  return { wallet, code }
}

test('docs/clients/curl.md does what it says', async () => {
  const { wallet, code } = await walletToFreeze('carol')
  await stack.chain.fund(wallet.address, parseEther('1'))
  const user = { TOKEN: await stack.tokenOf('carol'), CODE: code }
  const env = { API: stack.functionsUrl, CHAIN: String(stack.chainId), ...user }
  const said = await run('bash', ['-euo', 'pipefail', '-c', blocksOf('curl.md', 'sh')], env)
  expect(said).toContain(stack.pinned.publicKey)
  expect(said).toContain(wallet.address)
  expect(said).toContain('"unsignedTx"')
  expect(said).toContain('"fate":"unknown"')
  expect(said).toContain('"error":"VALIDATION_FAILED"')
  expect(said).toMatch(/"error":"KEY_FROZEN"[^\n]*\n$/)
})

test('docs/clients/socket-io.md does what it says', async () => {
  const port = await freePort()
  const { stop } = await stack.another('duo-node', { PORT: String(port) })
  const { wallet } = await walletToFreeze('dave')
  const env = {
    DUO_NODE: `ws://127.0.0.1:${port}`,
    KEY_FILE: join(stack.directory, 'functions.jwk'),
    USER_ID: `${stack.issuerUrl}|dave`,
    KEY_ID: wallet.keyId,
    FREEZE: 'yes',
  }
  const program = blocksOf('socket-io.md', 'js')
  const said = await run(process.execPath, ['--input-type=module', '-e', program], env)
  expect(said).toContain(stack.pinned.publicKey)
  expect(said).toMatch(/status \{[^]*status: 'READY'/)
  expect(said).toMatch(/prepared \{[^]*digest: '0x[0-9a-f]{64}'/)
  expect(said).toMatch(/stage \{[^]*fate: 'unknown'/)
  expect(said).toMatch(/cancel \{[^]*status: 'cancelled'/)
  expect(said).toMatch(/frozen \{[^]*keyStatus: 'FROZEN'/)
  expect(said).toMatch(/somebody else \{[^]*error: 'NOT_FOUND'/)
  expect(said).toMatch(/no such call \{[^]*error: 'NOT_FOUND'/)
  await stop()
})

test('the backend has heard of the key by webhook, from its generation to its commit', async () => {
  const store = openSqlite({ path: join(stack.directory, 'backend.sqlite') })
  const states = keyStates(store, Date.now)
  const heard = async () => states.find(`${stack.issuerUrl}|alice`, wallet.keyId)
  while ((await heard())?.status !== 'READY') await new Promise((again) => setTimeout(again, 50))
  await store.close()
})
