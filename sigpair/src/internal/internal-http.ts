import type { Backend } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { type Incoming, type Route, route } from '@tandem/service'
import {
  cloudPublicKeyResponse,
  type CommitKeyRequest,
  commitKeyRequest,
  commitKeyResponse,
  keyIdField,
  keyStatusResponse,
  toHex,
  WireError,
} from '@tandem/wire'
import { z } from 'zod'
import { auditDenied } from '../audit/audit-denied.ts'
import { auditRoutes } from '../audit/audit-http.ts'
import { signedHead } from '../audit/audit-read.ts'
import { attestRoutes } from '../keys/attest.ts'
import type { ShareTasks } from '../compute/share-tasks.ts'
import { commitKey } from '../keys/commit.ts'
import { eventRoutes } from '../events/event-routes.ts'
import type { SigpairIdentity } from '../keys/identity.ts'
import { authenticate, type AuthDeps } from './internal-auth.ts'
import { careOf } from '../keys/key-care.ts'
import { readKey } from '../keys/key-status.ts'
import type { Kms } from '../seal/kms.ts'
import type { PolicyDeps } from '../policy/policy-change.ts'
import { policyRoutes } from '../policy/policy-http.ts'
import { type AsMember, memberRoutes } from '../member/member-routes.ts'
import { batchCompletion, batchRoutes } from '../sign/batch-http.ts'
import { stageRoutes } from './stage-routes.ts'
import { keyCareRoutes } from './key-routes.ts'
import { sessionCompletion, sessionRoutes } from '../sign/session-http.ts'
import type { CompleteSignature } from '../sign/sign-session.ts'
import { identityAt, pairAt, type Stores } from '../stores.ts'

export type InternalDeps = PolicyDeps & {
  readonly stores: Stores
  readonly identity: SigpairIdentity
  readonly backend: Backend
  /** hedged; draws ρ_S */
  readonly rng: Rng
  readonly complete: CompleteSignature
  readonly tasks: ShareTasks
  readonly callers: Pick<AuthDeps, 'duoNode' | 'backend'>
  /** absent in a pair */
  readonly asMember?: AsMember | undefined
}

/** There has been one pair of static keys so far. */
const KEY_VERSION = 1

/** What duo-node may ask of Sigpair. Every call is for one user, who must own the key. Source: docs/spec/flows.md. */
export function internalRoutes(deps: InternalDeps): Route[] {
  const { stores, callers } = deps
  const auth = { parties: stores.parties, now: stores.now, ...callers }
  const caller = async (incoming: Incoming) => authenticate(auth, incoming)
  const { asMember } = deps
  const events = eventRoutes({ stores, duoNode: callers.duoNode, amongOthers: asMember !== undefined })
  return [
    identityRoute(deps, caller),
    ...keyRoutes(deps, caller),
    ...sessionRoutes(deps, caller),
    ...batchRoutes(deps, caller),
    ...events,
    ...attestRoutes(stores, caller),
    ...policyRoutes(deps, caller),
    ...auditRoutes({ stores, identity: deps.identity.identity }, caller),
    ...stageRoutes(deps, caller),
    ...keyCareRoutes(deps, caller),
    ...(asMember ? memberRoutes({ ...deps, ...asMember }, caller) : completionRoutes(deps, caller)),
  ]
}

/** Both halves are here: what is added up is a signature. */
function completionRoutes(deps: InternalDeps, caller: CallerOf): Route[] {
  return [sessionCompletion(deps, caller), batchCompletion(deps, caller)]
}

type CallerOf = (incoming: Incoming) => Promise<string>

function identityRoute({ identity }: InternalDeps, caller: CallerOf): Route {
  const body = {
    publicKey: toHex(identity.exchange.publicKey),
    identity: toHex(identity.identity.publicKey),
    keyVersion: KEY_VERSION,
  }
  return route({
    method: 'GET',
    path: '/internal/identity',
    caller,
    response: cloudPublicKeyResponse,
    handle: async () => ({ status: 200, body }),
  })
}

function keyRoutes(deps: InternalDeps, caller: CallerOf): Route[] {
  const { stores } = deps
  return [
    route({
      method: 'POST',
      path: '/internal/keys/commit',
      caller,
      body: commitKeyRequest,
      response: commitKeyResponse,
      handle: async (call) => ({
        status: 200,
        body: await commitAndTell(deps, call.caller, call.body),
      }),
    }),
    route({
      method: 'GET',
      path: '/internal/keys/:keyId',
      caller,
      params: z.strictObject({ keyId: keyIdField }),
      response: keyStatusResponse,
      handle: async ({ caller: owner, params }) => ({
        status: 200,
        body: await describeKey(stores, params.keyId, owner),
      }),
    }),
  ]
}

/** Everything that is asked for and refused leaves a line too. Spec: audit 1.4. */
async function commitAndTell({ stores, backend, identity }: InternalDeps, owner: string, request: CommitKeyRequest) {
  const { keyId } = request.body.clientShare
  const commit = async () => commitKey(stores, { backend, identity }, owner, request)
  const committed = await auditDenied(stores, { method: 'keygen.commit', keyId, owner }, commit)
  return { ...committed, audit: await signedHead({ stores, identity: identity.identity }, keyId) }
}

async function describeKey(stores: Stores, keyId: string, owner: string): Promise<z.infer<typeof keyStatusResponse>> {
  const view = await readKey(stores, keyId)
  if (!view || view.key.owner !== owner) throw new WireError('NOT_FOUND')
  const { key, pair, status } = view
  return {
    keyId: key.keyId,
    status,
    epoch: key.current?.epoch ?? 0,
    presignatures: status === 'READY' && pair ? pair.stock.length : 0,
    device: key.device,
    ...(await careOf(stores, key)),
  }
}

/** For `GET /health/ready`: both databases and KMS answer. */
export function readinessChecks({ parties, presignatures }: Stores, kms: Kms): Record<string, () => Promise<unknown>> {
  return {
    parties: async () => parties.get(identityAt()),
    presignatures: async () => presignatures.get(pairAt({ keyId: 'probe', ssid: new Uint8Array(32) })),
    kms: async () => kms.wrap(new Uint8Array(32), new Uint8Array()),
  }
}
