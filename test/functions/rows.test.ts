import { apiRoutes } from '../../functions/src/routes.ts'
import { documentedOperations } from '../../functions/src/routes/documents.ts'

/**
 * What each call costs and whether a repetition may name itself, row by row, so that a row that changes is seen. Numbers:
 * docs/spec/limits.md.
 */
const ROWS: readonly (readonly [string, readonly string[], 'repeatable by key' | 'repeatable as it is'])[] = [
  ['POST /api/v1/mpc/tickets', ['tickets', 'key-tickets', 'sign'], 'repeatable as it is'],
  ['GET /api/v1/mpc/cloud-public-key', [], 'repeatable as it is'],
  ['POST /api/v2/profiles', ['key'], 'repeatable by key'],
  ['GET /api/v1/profiles', [], 'repeatable as it is'],
  ['GET /api/v1/profiles/:id', [], 'repeatable as it is'],
  ['PATCH /api/v1/profiles/:id', [], 'repeatable by key'],
  ['POST /api/v1/profiles/:id/transactions', [], 'repeatable by key'],
  ['GET /api/v1/transactions/:sessionId', [], 'repeatable as it is'],
  ['DELETE /api/v1/transactions/:sessionId', [], 'repeatable as it is'],
  ['POST /api/v1/mpc/sign', ['sign'], 'repeatable by key'],
  ['POST /api/v1/mpc/sign-message', ['sign'], 'repeatable by key'],
  ['POST /api/v1/mpc/sign-typed-data', ['sign'], 'repeatable by key'],
  ['GET /api/v1/profiles/:id/policy', [], 'repeatable as it is'],
  ['PUT /api/v1/profiles/:id/policy', ['key'], 'repeatable by key'],
  ['GET /api/v1/2fa', [], 'repeatable as it is'],
  ['POST /api/v1/2fa/enrol', ['2fa'], 'repeatable by key'],
  ['POST /api/v1/2fa/confirm', ['2fa'], 'repeatable by key'],
  ['POST /api/v1/2fa/recovery-codes', ['2fa'], 'repeatable by key'],
  ['POST /api/v1/2fa/disable', ['2fa'], 'repeatable by key'],
  ['POST /api/v1/2fa/passkeys/registration-options', ['2fa'], 'repeatable as it is'],
  ['POST /api/v1/2fa/passkeys', ['2fa'], 'repeatable by key'],
  ['POST /api/v1/2fa/passkeys/assertion-options', [], 'repeatable as it is'],
  ['GET /api/v1/audit', [], 'repeatable as it is'],
  ['GET /api/v1/audit/proof/:seq', [], 'repeatable as it is'],
  ['POST /webhooks/duo-node', [], 'repeatable as it is'],
  ['GET /health/live', [], 'repeatable as it is'],
  ['GET /health/ready', [], 'repeatable as it is'],
]

const operations = documentedOperations(apiRoutes(() => Promise.reject(new Error('nothing is opened for this'))))

test.each(ROWS)('%s', (name, buckets, repetition) => {
  const operation = operations.find(({ method, path }) => `${method} ${path}` === name)
  expect(operation).toMatchObject({ buckets, repeats: repetition === 'repeatable by key' })
})

test('nobody but a signed webhook, a health check and a reader comes without a token', () => {
  const open = operations.filter(({ security }) => security !== 'user').map(({ method, path }) => `${method} ${path}`)
  expect(open.toSorted()).toEqual([
    'GET /docs',
    'GET /health/live',
    'GET /health/ready',
    'GET /openapi.json',
    'POST /webhooks/duo-node',
  ])
})
