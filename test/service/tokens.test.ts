import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bearerToken,
  ConfigError,
  createSigningKey,
  issueServiceToken,
  issueTicket,
  loadOrCreateSigningKey,
  publicJwk,
  spendToken,
  type TicketGrant,
  trustKeys,
  verifyServiceToken,
  verifyTicket,
} from '@tandem/service'
import { openSqlite } from '@tandem/store'
import { WireError } from '@tandem/wire'
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose'

const NOW = 1_800_000_000_000
const hex = (byte: string, n: number) => `0x${byte.repeat(n)}`
const x32 = 'A'.repeat(43)

const grant: TicketGrant = {
  sub: 'https://issuer|ada',
  op: 'keygen',
  keyId: hex('01', 32),
  epoch: 0,
  cnf: { identity: hex('02', 32), exchange: hex('03', 32) },
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(WireError)
  return (error as WireError).code
}

const folder = mkdtempSync(join(tmpdir(), 'tandem-tokens-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a signing key', () => {
  test('is made once, for its owner only, and read again', async () => {
    const path = join(folder, 'keys', 'functions.jwk')
    const first = await loadOrCreateSigningKey(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(folder, 'keys'))).toEqual(['functions.jwk'])
    expect(await loadOrCreateSigningKey(path)).toMatchObject({ kid: first.kid, publicJwk: first.publicJwk })
  })

  test('is the same for all who make it at once', async () => {
    const path = join(folder, 'race.jwk')
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadOrCreateSigningKey(path)))
    expect(new Set(keys.map((key) => key.kid)).size).toBe(1)
  })

  test('has a public half without the private one, and prints without it', async () => {
    const key = await loadOrCreateSigningKey(join(folder, 'print.jwk'))
    expect(publicJwk.parse(key.publicJwk)).toEqual(key.publicJwk)
    expect(JSON.stringify(key)).not.toContain('"d"')
    expect(key.privateKey.extractable).toBe(false)
  })

  test('that others can read, or that is no key, is refused without being quoted', async () => {
    const path = join(folder, 'open.jwk')
    await loadOrCreateSigningKey(path)
    chmodSync(path, 0o644)
    await expect(loadOrCreateSigningKey(path)).rejects.toThrow(ConfigError)

    const garbage = join(folder, 'garbage.jwk')
    writeFileSync(garbage, '{"d": "top-secret"', { mode: 0o600 })
    await expect(loadOrCreateSigningKey(garbage)).rejects.toThrow(/^((?!top-secret).)*$/s)
    expect(existsSync(garbage)).toBe(true)
  })

  test('that the platform mounts is taken with its mode, and never made', async () => {
    const path = join(folder, 'mounted.jwk')
    await expect(loadOrCreateSigningKey(path, true)).rejects.toThrow(/is not there/)
    expect(existsSync(path)).toBe(false)
    const { kid } = await loadOrCreateSigningKey(path)
    chmodSync(path, 0o444)
    expect((await loadOrCreateSigningKey(path, true)).kid).toBe(kid)
  })

  test('that is trusted is public', async () => {
    const { publicJwk } = await createSigningKey()
    expect(() => trustKeys([{ ...publicJwk, d: x32 } as never])).toThrow(ConfigError)
    expect(() => trustKeys([])).toThrow(ConfigError)
  })
})

describe('a ticket', () => {
  test('carries its grant to Sigpair, within 120 s, under an id of its own', async () => {
    const key = await createSigningKey()
    const token = await issueTicket(key, grant, NOW)
    const claims = await verifyTicket(token, trustKeys([key.publicJwk]), NOW + 1_000)
    expect(claims).toMatchObject({ ...grant, iss: 'tandem-functions', aud: 'sigpair', iat: NOW / 1000 })
    expect(claims.exp - claims.iat).toBe(120)
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', typ: 'tandem-ticket+jwt', kid: key.kid })
    expect((await verifyTicket(await issueTicket(key, grant, NOW), trustKeys([key.publicJwk]), NOW)).jti).not.toBe(
      claims.jti,
    )
  })

  test('is good once, also across stores that share a file', async () => {
    const key = await createSigningKey()
    const claims = await verifyTicket(await issueTicket(key, grant, NOW), trustKeys([key.publicJwk]), NOW)
    const path = join(folder, 'spent.db')
    const stores = [0, 1].map(() => openSqlite({ path, clock: () => NOW }))
    const spent = await Promise.all(stores.map((store) => spendToken(store, claims)))
    expect(spent.filter((first) => first)).toHaveLength(1)
    await Promise.all(stores.map((store) => store.close()))
  })

  test('that was spent stays spent for as long as it would be accepted', async () => {
    const key = await createSigningKey()
    const claims = await verifyTicket(await issueTicket(key, grant, NOW), trustKeys([key.publicJwk]), NOW)
    let now = NOW
    const store = openSqlite({ path: ':memory:', clock: () => now })
    expect(await spendToken(store, claims)).toBe(true)
    now = claims.exp * 1000 + 60_000
    expect(await spendToken(store, claims)).toBe(false)
    await store.close()
  })

  test('of two valid keys is accepted, of a third is not', async () => {
    const [old, current, foreign] = [await createSigningKey(), await createSigningKey(), await createSigningKey()]
    const trusted = trustKeys([old.publicJwk, current.publicJwk])
    for (const key of [old, current]) await verifyTicket(await issueTicket(key, grant, NOW), trusted, NOW)
    expect(await refusal(verifyTicket(await issueTicket(foreign, grant, NOW), trusted, NOW))).toBe('TICKET_INVALID')
  })

  test('is not issued when it would be too long', async () => {
    const key = await createSigningKey()
    await expect(issueTicket(key, { ...grant, sub: 'x'.repeat(5_000) }, NOW)).rejects.toThrow(RangeError)
  })

  describe('is refused', () => {
    const iat = NOW / 1000
    const claims = { ...grant, iss: 'tandem-functions', aud: 'sigpair', jti: 'j'.repeat(22), iat, exp: iat + 120 }
    const header = { alg: 'EdDSA', typ: 'tandem-ticket+jwt' }

    test.each([
      ['when it has expired', {}, {}, 126_000],
      ['before it was made', {}, {}, -10_000],
      ['for another audience', { aud: 'duo-node' }, {}, 0],
      ['from another issuer', { iss: 'tandem-sigpair' }, {}, 0],
      ['with a longer life', { exp: iat + 3_600 }, {}, 0],
      ['without an end', { exp: undefined }, {}, 0],
      ['without an id', { jti: undefined }, {}, 0],
      ['with an unknown claim', { admin: true }, {}, 0],
      ['with an unknown operation', { op: 'export-everything' }, {}, 0],
      ['with a short key id', { keyId: '0x01' }, {}, 0],
      ['as a token of another type', {}, { typ: 'tandem-service+jwt' }, 0],
      ['as a plain JWT', {}, { typ: 'JWT' }, 0],
    ])('%s', async (_, changes, headers, later) => {
      const key = await createSigningKey()
      const token = await new SignJWT(JSON.parse(JSON.stringify({ ...claims, ...changes })) as object as typeof claims)
        .setProtectedHeader({ ...header, ...headers, kid: key.kid })
        .sign(key.privateKey)
      expect(await refusal(verifyTicket(token, trustKeys([key.publicJwk]), NOW + later))).toBe('TICKET_INVALID')
    })

    test('with the claims of this table unchanged it would be accepted', async () => {
      const key = await createSigningKey()
      const token = await new SignJWT(claims).setProtectedHeader({ ...header, kid: key.kid }).sign(key.privateKey)
      expect(await verifyTicket(token, trustKeys([key.publicJwk]), NOW)).toEqual(claims)
    })

    test('unsigned, signed with the public key as a secret, changed, cut, or too long', async () => {
      const key = await createSigningKey()
      const trusted = trustKeys([key.publicJwk])
      const token = await issueTicket(key, grant, NOW)
      const [head, body, signature] = token.split('.') as [string, string, string]
      const changed = Buffer.from(JSON.stringify({ ...decodeJwt(token), op: 'export' })).toString('base64url')
      const confused = new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256', kid: key.kid })
      for (const bad of [
        new UnsecuredJWT(claims).encode(),
        await confused.sign(Buffer.from(key.publicJwk.x, 'base64url')),
        `${head}.${changed}.${signature}`,
        `${head}.${body}.${signature.slice(0, -2)}`,
        `${head}.${body}.`,
        `${token}.${token}`,
        `${token}${'A'.repeat(5_000)}`,
        '',
        '..',
        'x',
      ])
        expect(await refusal(verifyTicket(bad, trusted, NOW))).toBe('TICKET_INVALID')
    })
  })
})

describe('a service token', () => {
  const call = { method: 'POST', path: '/internal/keys/commit?x=1', body: Buffer.from('{"a":1}') }
  const from = { issuer: 'tandem-functions', subject: 'https://issuer|ada', audience: ['duo-node', 'sigpair'] }

  test('is for one call of one user, at each service it names', async () => {
    const key = await createSigningKey()
    const token = await issueServiceToken(key, from, call, NOW)
    for (const audience of from.audience) {
      const rules = { from: trustKeys([key.publicJwk]), issuer: from.issuer, audience }
      const claims = await verifyServiceToken(token, rules, call, NOW + 60_000)
      expect(claims).toMatchObject({ sub: from.subject, method: 'POST', path: call.path, aud: from.audience })
      expect(claims.exp - claims.iat).toBe(60)
    }
  })

  test.each([
    ['another method', { method: 'PUT' }, {}, 0],
    ['another path', { path: '/internal/keys/commit' }, {}, 0],
    ['another body', { body: Buffer.from('{"a":2}') }, {}, 0],
    ['no body', { body: new Uint8Array(0) }, {}, 0],
    ['another audience', {}, { audience: 'functions' }, 0],
    ['another issuer', {}, { issuer: 'duo-node' }, 0],
    ['a later time', {}, {}, 66_000],
  ])('is refused for %s', async (_, changes, rules, later) => {
    const key = await createSigningKey()
    const token = await issueServiceToken(key, from, call, NOW)
    const trusted = { from: trustKeys([key.publicJwk]), issuer: from.issuer, audience: 'sigpair', ...rules }
    const work = verifyServiceToken(token, trusted, { ...call, ...changes }, NOW + later)
    expect(await refusal(work)).toBe('UNAUTHENTICATED')
  })

  test('does not pass for a ticket, nor a ticket for it', async () => {
    const key = await createSigningKey()
    const trusted = trustKeys([key.publicJwk])
    const service = await issueServiceToken(key, { ...from, audience: ['sigpair'] }, call, NOW)
    expect(await refusal(verifyTicket(service, trusted, NOW))).toBe('TICKET_INVALID')
    const rules = { from: trusted, issuer: from.issuer, audience: 'sigpair' }
    expect(await refusal(verifyServiceToken(await issueTicket(key, grant, NOW), rules, call, NOW))).toBe(
      'UNAUTHENTICATED',
    )
  })
})

test('a bearer token is what follows Bearer, and nothing else', () => {
  expect(bearerToken('Bearer abc.def-_~+/')).toBe('abc.def-_~+/')
  for (const bad of [undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b', ['Bearer a'], 'Bearer a\nb'])
    expect(() => bearerToken(bad)).toThrow(WireError)
})
