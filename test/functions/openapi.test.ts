import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PrepareTransactionResponse } from '@tandem/wire'
import { z } from 'zod'
import type { OpenApi, Schema } from '../../functions/src/docs/openapi.ts'
import { routesOf } from '../../functions/src/api.ts'
import { apiRoutes } from '../../functions/src/routes.ts'
import { documentedOperations, documentOf } from '../../functions/src/routes/documents.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { freshShare, profileRequest, SHOP, startWorld, type World } from './world.ts'

let anvil: Anvil
let world: World
let document: OpenApi

beforeAll(async () => {
  anvil = await startAnvil()
  world = await startWorld(anvil.url)
  document = (await (await fetch(`${world.url}/openapi.json`)).json()) as OpenApi
})
afterAll(async () => {
  await world.close()
  await anvil.stop()
})

const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )

/** Some value for each parameter: the shape of the id, nobody's id. */
const concrete = (path: string) =>
  path
    .replace('{id}', 'prf_AAAAAAAAAAAAAAAAAAAAAA')
    .replace('{sessionId}', 'ses_AAAAAAAAAAAAAAAAAAAAAA')
    .replace('{seq}', '7')
    .replaceAll(/\{\w+\}/g, 'x')
    .replace('{batchId}', 'bat_AAAAAAAAAAAAAAAAAAAAAA')

test('the committed document is the one the routes make, and the one that is served', async () => {
  const served = apiRoutes(() => Promise.reject(new Error('nothing is opened for this')))
  const made = await documentOf(documentedOperations(served))
  const committed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../functions/openapi.json'), 'utf8'))
  expect(committed).toEqual(JSON.parse(JSON.stringify(made))) // else: npm run openapi
  expect(document).toEqual(committed)
})

test('every documented operation is served, to its user only', async () => {
  const operations = operationsOf(document)
  expect(operations.length).toBeGreaterThan(20)
  for (const { path, method, operation } of operations) {
    const { status } = await fetch(`${world.url}${concrete(path)}`, { method })
    expect({ method, path, status }).toEqual({ method, path, status: operation.security === undefined ? 200 : 401 })
  }
})

test('every served route is documented', () => {
  const routes = routesOf(world.config, () => Promise.reject(new Error('nothing is opened for this')))
  const served = routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const documented = operationsOf(document).map(({ method, path }) => `${method} ${path}`)
  expect(served.toSorted()).toEqual(documented.toSorted())
})

test('no two operations have one name, and every reference leads somewhere', () => {
  const ids = operationsOf(document).map(({ operation }) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(Object.keys(document.components.schemas).filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([])
  const names = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`))
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to!)
  expect(references.filter((to) => to.startsWith('#/components/schemas/') && !names.has(to))).toEqual([])
  expect(references.filter((to) => !/^#\/components\/(schemas|responses)\//.test(to))).toEqual([])
})

/** A schema of the document as something that validates. */
function validator(schema: Schema) {
  const local = (part: unknown) =>
    JSON.parse(JSON.stringify(part).replaceAll('#/components/schemas/', '#/$defs/')) as Record<string, unknown>
  return z.fromJSONSchema({ ...local(schema), $defs: local(document.components.schemas) } as never)
}

/** The schema of an answer, as a reader of the document finds it. */
function answerSchema(method: string, path: string, status: number): Schema {
  const { responses } = document.paths[path.split('?', 1)[0]!]![method.toLowerCase()]!
  const found = responses[status]
  const content = found !== undefined && 'content' in found ? (found.content as Record<string, { schema: Schema }>) : {}
  return content['application/json']?.schema ?? { $ref: '#/components/schemas/Problem' }
}

async function checked<T>(method: string, path: string, ids: Record<string, string> = {}, body?: object): Promise<T> {
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '')
  const answer = await world.call<T>('ada', method, url, body)
  const result = validator(answerSchema(method, path, answer.status)).safeParse(answer.body)
  expect({ method, path, status: answer.status, issues: result.error?.issues }).toEqual({
    method,
    path,
    status: answer.status,
    issues: undefined,
  })
  return answer.body
}

test('the answers of real calls are of the documented form', async () => {
  await checked('POST', '/api/v1/2fa/enrol', {}, {})
  await checked('GET', '/api/v1/2fa')
  await checked('POST', '/api/v1/2fa/passkeys/registration-options', {}, {})

  const key = world.keys.addKey(world.issuer.userOf('ada'))
  const created = await checked<{ profileId: string; sessionWalletAddress: string }>(
    'POST',
    '/api/v2/profiles',
    {},
    profileRequest(key),
  )
  const id = { id: created.profileId }
  await anvil.fund(created.sessionWalletAddress)
  await checked('GET', '/api/v1/profiles')
  await checked('GET', '/api/v1/profiles/{id}', id)
  await checked('PATCH', '/api/v1/profiles/{id}', id, { name: 'Rainy days' })
  await checked('GET', '/api/v1/mpc/cloud-public-key')
  await checked('POST', '/api/v1/mpc/tickets', {}, { operation: 'presign', keyId: key.keyId })

  const stage = { keyId: key.keyId, stageId: `0x${'0a'.repeat(32)}` }
  await checked('GET', '/api/v1/mpc/keys/{keyId}/stages/{stageId}?epoch=1', stage)
  await checked('DELETE', '/api/v1/mpc/keys/{keyId}/stages/{stageId}?epoch=1', stage)
  const challenge = `0x${'0b'.repeat(32)}`
  await checked('POST', '/api/v1/mpc/drill', {}, { profileId: id.id, challenge })

  const payment = { to: SHOP, value: '1', chainId: 31337 }
  const prepared = await checked<PrepareTransactionResponse>('POST', '/api/v1/profiles/{id}/transactions', id, payment)
  const { sessionId } = prepared
  await checked('POST', '/api/v1/mpc/sign', {}, { sessionId, p1SignatureShare: freshShare() })
  await anvil.mine()
  await checked('GET', '/api/v1/transactions/{sessionId}', { sessionId })

  const text = { profileId: id.id, message: 'I am Ada.' }
  const session = await checked<{ sessionId: string }>('POST', '/api/v1/mpc/sign-message', {}, text)
  const share = { ...text, sessionId: session.sessionId, p1SignatureShare: freshShare() }
  await checked('POST', '/api/v1/mpc/sign-message', {}, share)
})

test('refusals are of the documented form', async () => {
  await checked('POST', '/api/v1/mpc/sign', {}, { sessionId: 'no' })
  await checked('GET', '/api/v1/profiles/{id}', { id: 'prf_AAAAAAAAAAAAAAAAAAAAAA' })
  await checked('POST', '/api/v1/2fa/disable', {}, { twoFactorCode: '123456' })
  await checked('POST', '/api/v1/2fa/passkeys/assertion-options', {}, {})
})

test('the page shows every operation, runs nothing and loads nothing', async () => {
  const answer = await fetch(`${world.url}/docs`)
  const html = await answer.text()
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/)
  for (const { path, operation } of operationsOf(document)) {
    expect(html).toContain(`id="${operation.operationId}"`)
    expect(html).toContain(path)
  }
  for (const name of Object.keys(document.components.schemas)) expect(html).toContain(`id="schema-${name}"`)
  expect(html).not.toMatch(/<script|<img|<link|url\(|@import|https?:\/\/|undefined|\[object/)
})
