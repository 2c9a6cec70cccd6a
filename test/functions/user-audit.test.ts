import { loadOrCreateSigningKey } from '@tandem/service'
import { type EnrolResponse, firstAuditBreak, toHex, type UserAuditPage, type UserAuditProof } from '@tandem/wire'
import { URI } from 'otpauth'
import { problemOf } from '../../infra/local/src/audit-verify.ts'
import { profileRequest, startWorld, type World } from './world.ts'

let world: World
let backendKey: string

beforeAll(async () => {
  world = await startWorld()
  const { publicJwk } = await loadOrCreateSigningKey(world.config.signingKeyFile)
  backendKey = toHex(Uint8Array.from(Buffer.from(publicJwk.x, 'base64url')))
})
afterAll(() => world.close())

const read = async (user: string, query = '') =>
  (await world.call<UserAuditPage>(user, 'GET', `/api/v1/audit${query}`)).body
const methodsOf = ({ lines }: UserAuditPage) => lines.map(({ entry }) => entry.methodName)
const verify = (page: UserAuditPage, key = backendKey) => problemOf(JSON.stringify(page), { backendKey: key })

async function enrol(user: string): Promise<readonly string[]> {
  const { body } = await world.call<EnrolResponse>(user, 'POST', '/api/v1/2fa/enrol', {})
  const totp = URI.parse(body.otpauthUrl)
  if (!('period' in totp)) throw new TypeError('no TOTP')
  const code = totp.generate()
  const confirmed = await world.call<{ recoveryCodes: string[] }>(user, 'POST', '/api/v1/2fa/confirm', { code })
  return confirmed.body.recoveryCodes
}

test('every change of profiles and second factors has its line, in a chain that verifies offline', async () => {
  const [first] = await enrol('ada')
  const { profileId } = await world.createWallet('ada')
  await world.call('ada', 'PATCH', `/api/v1/profiles/${profileId}`, { name: 'Rainy days' })
  await world.call('ada', 'POST', '/api/v1/2fa/disable', { twoFactorCode: first })

  const page = await read('ada')
  expect(methodsOf(page)).toEqual([
    'second-factor.enrol',
    'second-factor.confirm',
    'profile.create',
    'profile.rename',
    'second-factor.recovery-code',
    'second-factor.disable',
  ])
  expect(firstAuditBreak(page.lines)).toBeUndefined()
  expect(verify(page)).toBeUndefined()
  const text = JSON.stringify(page)
  for (const secret of [first!, 'Rainy days', world.issuer.userOf('ada')]) expect(text).not.toContain(secret)
})

test('what changed nothing leaves no line', async () => {
  const wallet = await world.createWallet('bea')
  const before = await read('bea')
  await world.call('bea', 'POST', '/api/v1/2fa/disable', { twoFactorCode: '123456' })
  await world.call('bea', 'POST', '/api/v1/2fa/confirm', { code: '123456' })
  await world.call('bea', 'PATCH', '/api/v1/profiles/prf_AAAAAAAAAAAAAAAAAAAAAA', { name: 'x' })
  await world.call('bea', 'PATCH', `/api/v1/profiles/${wallet.profileId}`, { name: '' })
  expect(await read('bea')).toEqual(before)
})

test('it is read page by page, and from any line to its end', async () => {
  const { profileId } = await world.createWallet('cid')
  for (const name of ['a', 'b', 'c']) await world.call('cid', 'PATCH', `/api/v1/profiles/${profileId}`, { name })
  const first = await read('cid', '?limit=3')
  expect(first.next).toBe(3)
  const rest = await read('cid', '?after=3')
  expect(firstAuditBreak([...first.lines, ...rest.lines])).toBeUndefined()
  expect(rest.head).toMatchObject({ seq: 4, hash: rest.lines[0]!.hash })

  const proof = await world.call<UserAuditProof>('cid', 'GET', '/api/v1/audit/proof/2')
  expect(proof.body.lines.map(({ entry }) => entry.seq)).toEqual([2, 3, 4])
  expect((await world.call('cid', 'GET', '/api/v1/audit/proof/5')).status).toBe(404)
})

test('it is the caller’s own, and empty for who has done nothing', async () => {
  await world.createWallet('dan')
  expect((await read('eve')).lines).toEqual([])
  expect((await world.call('eve', 'GET', '/api/v1/audit/proof/1')).status).toBe(404)
  expect((await read('dan')).head.user).not.toBe((await read('eve')).head.user)
})

test('a line that is changed, cut off or forged is seen by whoever verifies', async () => {
  const { profileId } = await world.createWallet('fay')
  await world.call('fay', 'PATCH', `/api/v1/profiles/${profileId}`, { name: 'x' })
  const page = await read('fay')
  const [one, two] = page.lines
  const changed = { ...one!, entry: { ...one!.entry, methodName: 'profile.rename' } }
  expect(verify({ ...page, lines: [changed, two!] })).toMatch('line 1 is broken')
  expect(verify({ ...page, lines: [one!] })).toMatch('line 2 is missing')
  const other = { ...page, head: { ...page.head, seq: 1, hash: two!.hash } }
  expect(verify(other)).toMatch('not the one that was signed')
  expect(verify(page, `0x${'11'.repeat(32)}`)).toMatch('not signed by this backend')
  const theirs = { ...page, head: { ...page.head, user: `0x${'22'.repeat(32)}` } }
  expect(verify(theirs)).toMatch('not the one that was signed')
})

test('wallets that one user creates at once are in one chain', async () => {
  const other = await world.anotherApi()
  const create = async (i: number) => {
    const key = world.keys.addKey(world.issuer.userOf('gus'))
    return (i % 2 ? world : other).call('gus', 'POST', '/api/v2/profiles', profileRequest(key))
  }
  const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(create))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
  const page = await read('gus')
  expect(methodsOf(page)).toEqual(answers.map(() => 'profile.create'))
  expect(verify(page)).toBeUndefined()
})
