import { defaultPlatform, type HttpAnswer, memoryVault, type Platform, type Vault, type Wallet } from '@tandem/client'
import type { AuditPage } from '@tandem/wire'
import { startWholeWorld, type WholeWorld } from './real-sigpair.ts'

let world: WholeWorld
let vault: Vault
let wallet: Wallet

beforeAll(async () => {
  world = await startWholeWorld()
  vault = memoryVault()
  wallet = await (await world.clientOf('ada', { vault })).createWallet('Savings')
})
afterAll(() => world.close())

type Answer = Record<string, unknown>

/** A network with somebody in it who changes what the backend answers. */
function tampered(change: (path: string, answer: Answer) => Answer): Platform {
  const platform = defaultPlatform()
  const fetch: Platform['fetch'] = async (url, request): Promise<HttpAnswer> => {
    const answer = await platform.fetch(url, request)
    const text = await answer.text()
    const body = JSON.stringify(change(new URL(url).pathname, JSON.parse(text) as Answer))
    return { status: answer.status, text: async () => body }
  }
  return { ...platform, fetch }
}

test('commit, signature and policy bring the end of the log, and the log verifies up to it', async () => {
  const seen: string[] = []
  const platform = tampered((path, answer) => {
    if ('audit' in answer) seen.push(path)
    return answer
  })
  const client = await world.clientOf('ada', { vault, platform })
  await client.signMessage(wallet, 'hello')
  await world.anvil.fund(wallet.address)
  await client.sendTransaction(wallet, { to: wallet.address, value: 0n, chainId: 31337 })
  await client.createWallet('Other')
  expect(seen).toEqual(['/api/v1/mpc/sign-message', '/api/v1/mpc/sign', '/api/v2/profiles'])

  const lines = await client.auditLog(wallet)
  expect(lines[0]?.entry.methodName).toBe('keygen.begin')
  expect(lines.at(-1)?.entry.methodName).toBe('sign.complete')
  const policy = await world.backend.call<{ audit: object }>(
    'ada',
    'GET',
    `/api/v1/profiles/${wallet.profileId}/policy`,
  )
  expect(policy.body.audit).toMatchObject({ keyId: wallet.keyId, seq: lines.length })
})

test('an answer with an earlier end of the log is refused, also after a restart of the app', async () => {
  let first: unknown
  const replay = tampered((_, answer) => {
    if (!('audit' in answer)) return answer
    first ??= answer['audit']
    return { ...answer, audit: first }
  })
  const client = await world.clientOf('ada', { vault, platform: replay })
  await client.signMessage(wallet, 'one')
  await (await world.clientOf('ada', { vault })).signMessage(wallet, 'two')
  const restarted = await world.clientOf('ada', { vault, platform: replay })
  await expect(restarted.signMessage(wallet, 'three')).rejects.toMatchObject({ code: 'AUDIT_ROLLED_BACK' })
  await expect(
    restarted.sendTransaction(wallet, { to: wallet.address, value: 0n, chainId: 31337 }),
  ).rejects.toMatchObject({ code: 'AUDIT_ROLLED_BACK' })
  expect(await restarted.settlePayments()).toEqual([])
})

const cut = (count: number) => (page: AuditPage) => ({ ...page, lines: page.lines.slice(0, -count) })
const edited = ({ lines: [first, ...rest], ...page }: AuditPage) => {
  return { ...page, lines: [{ ...first!, entry: { ...first!.entry, methodName: 'keygen.end' } }, ...rest] }
}

test.each<readonly [string, (page: AuditPage) => object, RegExp]>([
  ['whose tail was cut', cut(2), /is missing/],
  ['of which nothing is left', ({ head }) => ({ lines: [], head }), /line 1 is missing/],
  ['with a line that was changed', edited, /line 1: its content/],
])('a log %s is refused', async (_, change, details) => {
  const platform = tampered((path, answer) =>
    path === '/api/v1/audit' ? (change(answer as unknown as AuditPage) as Answer) : answer,
  )
  const client = await world.clientOf('ada', { vault, platform })
  await expect(client.auditLog(wallet)).rejects.toMatchObject({
    code: 'AUDIT_ROLLED_BACK',
    details: expect.stringMatching(details),
  })
})

test('an end that somebody else has signed is refused', async () => {
  const forge = tampered((_, answer) => {
    if (!('audit' in answer)) return answer
    return { ...answer, audit: { ...(answer['audit'] as object), signature: `0x${'11'.repeat(64)}` } }
  })
  const client = await world.clientOf('ada', { vault, platform: forge })
  await expect(client.signMessage(wallet, 'four')).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
})
