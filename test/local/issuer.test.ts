import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningIssuer, startIssuer } from '@tandem/local'
import { oidcVerifier } from '@tandem/service'

const folder = mkdtempSync(join(tmpdir(), 'tandem-issuer-'))
const file = join(folder, 'issuer.jwk')
let issuer: RunningIssuer

beforeAll(async () => {
  issuer = await startIssuer({ port: 0, file, audience: 'tandem' })
})
afterAll(async () => {
  await issuer.close()
  rmSync(folder, { recursive: true })
})

const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${issuer.issuer}/token`, { method: 'POST', body: JSON.stringify(body), headers })

test('its tokens pass the verification that every issuer’s tokens get', async () => {
  const verify = oidcVerifier({ issuers: [issuer] })
  const sub = `${issuer.issuer}|ada`
  expect((await verify(await issuer.token('ada'))).sub).toBe(sub)
  const { id_token } = (await (await post({ user: 'ada' })).json()) as { id_token: string }
  expect((await verify(id_token)).sub).toBe(sub)
})

test('its tokens are for its audience only', async () => {
  const verify = oidcVerifier({ issuers: [{ ...issuer, audience: 'else' }] })
  await expect(verify(await issuer.token('ada'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('its discovery document names what it serves, and its keys are public', async () => {
  const found = (await (await fetch(`${issuer.issuer}/.well-known/openid-configuration`)).json()) as {
    issuer: string
    jwks_uri: string
    id_token_signing_alg_values_supported: string[]
  }
  expect(found).toMatchObject({ issuer: issuer.issuer, jwks_uri: issuer.jwksUrl })
  const { keys } = (await (await fetch(found.jwks_uri)).json()) as { keys: Record<string, string>[] }
  expect(Object.keys(keys[0]!).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
})

test('it believes a name, and nothing else', async () => {
  for (const body of [{}, { user: '' }, { user: 'a|b' }, { user: 'x'.repeat(65) }, { user: 'ada', admin: true }])
    expect((await post(body)).status).toBe(400)
  expect((await post({ user: 'ada' }, { origin: 'http://evil.example' })).status).toBe(403)
  await expect(issuer.token('a b')).rejects.toThrow('letters')
})

test('its key survives a restart, its owner’s alone', async () => {
  const token = await issuer.token('ada')
  const port = issuer.port
  await issuer.close()
  issuer = await startIssuer({ port, file, audience: 'tandem' })
  expect((await oidcVerifier({ issuers: [issuer] })(token)).subject).toBe('ada')
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a taken port is named, with how to move it', async () => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as { port: number }
  await expect(startIssuer({ port, file, audience: 'tandem' })).rejects.toThrow(
    new RegExp(
      `the local issuer cannot start: port ${port} is taken.*npm start -- --issuer-port \\d+ \\(or ISSUER_PORT=\\d+\\)`,
    ),
  )
  blocker.close()
})
