/** What the backend may ask of Sigpair, and where. Names are those of the Socket.IO events. Source: docs/spec/flows.md. */
export const OPERATIONS = {
  identity: { method: 'GET', path: '/internal/identity' },
  'key:commit': { method: 'POST', path: '/internal/keys/commit' },
  'key:status': { method: 'GET', path: '/internal/keys/:keyId' },
  'sign:prepare': { method: 'POST', path: '/internal/sessions' },
  'sign:complete': { method: 'POST', path: '/internal/sessions/:sessionId/complete' },
} as const satisfies Record<string, { readonly method: string; readonly path: string }>

export type OperationName = keyof typeof OPERATIONS
