import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { URI } from 'otpauth'
import { startTestStack, type TestStack } from '../helpers/stack.ts'

/** The page of docs/clients for owners, as it stands, against a whole Tandem; the last command with nobody to ask. */
const ROOT = resolve(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/clients/key-care.md'), 'utf8')

let stack: TestStack
let kept: string
beforeAll(async () => {
  kept = mkdtempSync(join(tmpdir(), 'tandem-kept-'))
  stack = await startTestStack()
})
afterAll(async () => {
  await stack.stop()
  rmSync(kept, { recursive: true })
})

function blocksOf(language: string): string {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block).join('\n')
}

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<string> {
  const options = { env: { PATH: process.env['PATH'] ?? '', KEPT: kept, ...env }, cwd, timeout: 100_000 }
  return (await promisify(execFile)(program, args, options)).stdout
}

async function recoveryCodes(user: string): Promise<string[]> {
  const device = stack.device(user)
  const totp = URI.parse((await device.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  return device.confirmSecondFactor(totp.generate())
}

test('docs/clients/key-care.md does what it says, and the two backups it leaves sign without any server', async () => {
  const codes = await recoveryCodes('alice')
  const env = { API: stack.functionsUrl, TOKEN: await stack.tokenOf('alice'), CODES: codes.slice(0, 3).join() }
  const said = await run('node', ['--input-type=module', '-e', blocksOf('js')], join(ROOT, 'test'), env)
  expect(said).toMatch(/backed up 0x[0-9a-f]{64}\nrotated to epoch 1\ndrilled epoch 1\nrestored in epoch 2\n/)

  const { address } = (await profiles())[0] ?? { address: 'none' }
  const alone = await run('bash', ['-euo', 'pipefail', '-c', blocksOf('sh')], ROOT, {})
  expect(alone).toContain(`address            ${address}`)
  expect(alone).toContain('epoch              2')
  expect(alone).toMatch(/signature {10}0x[0-9a-f]{130}\n/)
}, 120_000)

async function profiles(): Promise<{ readonly address: string }[]> {
  const headers = { authorization: `Bearer ${await stack.tokenOf('alice')}` }
  const answer = await fetch(`${stack.functionsUrl}/api/v1/profiles`, { headers })
  const { profiles } = (await answer.json()) as { readonly profiles: { readonly sessionWalletAddress: string }[] }
  return profiles.map(({ sessionWalletAddress }) => ({ address: sessionWalletAddress }))
}
