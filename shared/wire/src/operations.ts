/**
 * What the backend may ask of Sigpair, and where. Names are those of the Socket.IO events; methods and paths are the same at
 * duo-node and at Sigpair. Source: docs/spec/flows.md.
 */
export const OPERATIONS = {
  identity: { method: 'GET', path: '/internal/identity' },
  'key:commit': { method: 'POST', path: '/internal/keys/commit' },
  'key:status': { method: 'GET', path: '/internal/keys/:keyId' },
  'key:stage': { method: 'GET', path: '/internal/keys/:keyId/stages/:stageId' },
  'key:stage:abort': { method: 'POST', path: '/internal/keys/:keyId/stages/:stageId/abort' },
  'key:rotate': { method: 'POST', path: '/internal/keys/:keyId/rotate' },
  'key:backup': { method: 'POST', path: '/internal/keys/:keyId/backup' },
  'key:recovery-key': { method: 'PUT', path: '/internal/keys/:keyId/recovery-key' },
  'key:export': { method: 'POST', path: '/internal/keys/:keyId/export' },
  'key:export:confirm': { method: 'POST', path: '/internal/keys/:keyId/export/:exportId/confirm' },
  'key:export:cancel': { method: 'POST', path: '/internal/keys/:keyId/export/:exportId/cancel' },
  'key:restore': { method: 'POST', path: '/internal/keys/:keyId/restore' },
  'key:restore:confirm': { method: 'POST', path: '/internal/keys/:keyId/restore/:restoreId/confirm' },
  'key:restore:cancel': { method: 'POST', path: '/internal/keys/:keyId/restore/:restoreId/cancel' },
  'key:drill': { method: 'POST', path: '/internal/keys/:keyId/drill' },
  'key:freeze': { method: 'POST', path: '/internal/keys/:keyId/freeze' },
  'key:delete': { method: 'POST', path: '/internal/keys/:keyId/delete' },
  'key:attest': { method: 'POST', path: '/internal/keys/:keyId/attest' },
  'key:policy': { method: 'PUT', path: '/internal/keys/:keyId/policy' },
  'key:policy:read': { method: 'GET', path: '/internal/keys/:keyId/policy' },
  'key:audit': { method: 'GET', path: '/internal/audit' },
  'key:audit:proof': { method: 'GET', path: '/internal/audit/proof/:seq' },
  'sign:prepare': { method: 'POST', path: '/internal/sessions' },
  'sign:batch:prepare': { method: 'POST', path: '/internal/batches' },
  'sign:batch:cancel': { method: 'POST', path: '/internal/batches/:batchId/cancel' },
  'sign:batch': { method: 'POST', path: '/internal/batches/:batchId/complete' },
  'sign:complete': { method: 'POST', path: '/internal/sessions/:sessionId/complete' },
  'sign:prove': { method: 'POST', path: '/internal/sessions/:sessionId/prove' },
  'sign:cancel': { method: 'POST', path: '/internal/sessions/:sessionId/cancel' },
} as const satisfies Record<string, Operation>

type Operation = { readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; readonly path: string }

export type OperationName = keyof typeof OPERATIONS

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name)
}

/** Whether this is a path of the operation; a query does not count. */
export function isPathOf(name: OperationName, target: string): boolean {
  const wanted = OPERATIONS[name].path.split('/')
  const given = target.split('?', 1)[0]!.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (part.startsWith(':') && /^[A-Za-z0-9_.~-]{1,200}$/.test(given[i]!)))
  )
}

/** The operation that is called by this method and path; the first in the table, where a path fits two. */
export function operationOf(method: string, target: string): OperationName | undefined {
  const names = Object.keys(OPERATIONS) as OperationName[]
  return names.find((name) => OPERATIONS[name].method === method && isPathOf(name, target))
}
