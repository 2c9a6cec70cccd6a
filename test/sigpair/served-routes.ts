import { noble } from '@tandem/ecdsa'
import {
  createLog,
  createSigningKey,
  handle,
  issueServiceToken,
  listen,
  type Serving,
  type SigningKey,
  trustKeys,
} from '@tandem/service'
import { internalRoutes, loadIdentity } from '@tandem/sigpair'
import { OPERATIONS, type OperationName } from '@tandem/wire'
import { type Care, DAY } from './care.ts'
import { OWNER } from './world.ts'

export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

export type ServedRoutes = {
  /**
   * Calls as duo-node does, with the backend's token and its own.
   *
   * @param more `names` of the path beside the key's, `query` behind it, `owner` another user
   */
  readonly call: (
    name: OperationName,
    body?: object,
    more?: { readonly names?: Readonly<Record<string, string>>; readonly query?: string; readonly owner?: string },
  ) => Promise<Answer>
}

/** Sigpair's internal routes over HTTP, on the stores of `care`, anew for each test. */
export function servedRoutes(care: Care): ServedRoutes {
  let serving: Serving
  let backendKey: SigningKey
  let duoNodeKey: SigningKey

  beforeAll(async () => {
    backendKey = await createSigningKey()
    duoNodeKey = await createSigningKey()
  })
  beforeEach(async () => {
    const { stores, rng } = care.world
    const routes = internalRoutes({
      ...{ stores, identity: await loadIdentity(stores), backend: noble, rng, policyDelayMs: DAY },
      complete: care.pool.completeSignature,
      tasks: care.pool.shareTasks,
      callers: {
        duoNode: { issuer: 'duo-node', keys: trustKeys([duoNodeKey.publicJwk]) },
        backend: { issuer: 'functions', keys: trustKeys([backendKey.publicJwk]) },
      },
    })
    const log = createLog({ name: 'sigpair', level: 'silent' })
    const hosts = ['127.0.0.1']
    serving = await listen(handle(routes, { log, hosts }), { name: 'sigpair', host: '127.0.0.1', port: 0 })
  })
  afterEach(async () => serving.close())

  return {
    call: async (name, body, { names = {}, query = '', owner = OWNER } = {}) => {
      const { method, path: pattern } = OPERATIONS[name]
      const named: Readonly<Record<string, string>> = { keyId: care.key.keyId, ...names }
      const path = pattern.replace(/:(\w+)/g, (_, part: string) => named[part] ?? '') + query
      const bytes = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body))
      const about = { method, path, body: bytes }
      const from = { subject: owner, audience: ['duo-node', 'sigpair'] }
      const { now } = care.world.clock
      const forwarded = await issueServiceToken(backendKey, { ...from, issuer: 'functions' }, about, now)
      const ours = { ...from, issuer: 'duo-node', audience: ['sigpair'] }
      const own = await issueServiceToken(duoNodeKey, ours, about, now)
      const headers = {
        'content-type': 'application/json',
        authorization: `Bearer ${own}`,
        'x-tandem-caller': forwarded,
      }
      const url = `http://127.0.0.1:${serving.port}${path}`
      const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: bytes }) })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    },
  }
}
