import {
  type Answer,
  handle,
  type Incoming,
  createLog,
  listen,
  route,
  type TrustedKeys,
  verifyServiceToken,
} from '@tandem/service'
import {
  attestRequest,
  cancelSessionRequest,
  commitKeyRequest,
  completeSessionRequest,
  type KeyCare,
  type KeyStatus,
  type PrepareSessionRequest,
  prepareSessionRequest,
  proveSessionRequest,
  readTypedData,
  type StageResponse,
  toHex,
  WireError,
} from '@tandem/wire'
import {
  concat,
  encodeBase58,
  HDNodeWallet,
  hashMessage,
  SigningKey,
  sha256,
  dataSlice,
  Transaction,
  type TypedDataDomain,
  TypedDataEncoder,
} from 'ethers'
import { z } from 'zod'
import { batchRoutesOf } from './batches-at-holder.ts'
import { keyLifeRoutes } from './keys-at-holder.ts'

/** What the test knows of a key and Sigpair never would: all of it. */
export type HeldKey = {
  readonly keyId: string
  readonly owner: string
  readonly signer: SigningKey
  readonly chainCode: string
  readonly stages: Map<string, StageResponse['fate']>
  status: KeyStatus
  epoch: number
  care: KeyCare
}

type HeldSession = PrepareSessionRequest & { readonly digest: string; signature?: string; cancelled?: boolean }

/**
 * Stands where Sigpair is, and signs with whole keys: for what the real one cannot be made to do, such as answering a
 * wrong digest, a foreign signature, or nothing. The real one is tested in test/sigpair and test/scenario.
 */
export type KeyHolder = {
  readonly url: string
  readonly addKey: (owner: string, status?: KeyStatus) => HeldKey
  readonly sessions: Map<string, HeldSession>
  /** names of operations in the order they came */
  readonly calls: string[]
  /** changes an answer, or delays it, or throws */
  meddle: (operation: string, answer: Record<string, unknown>) => Promise<Record<string, unknown>>
  readonly close: () => Promise<void>
}

export const honest: KeyHolder['meddle'] = async (_, answer) => answer

export async function startKeyHolder(trust: { functions: TrustedKeys; duoNode: TrustedKeys }): Promise<KeyHolder> {
  const keys = new Map<string, HeldKey>()
  const spent = new Set<string>()
  const answered = async (operation: string, make: () => object): Promise<Answer> => {
    holder.calls.push(operation)
    return { status: 200, body: await holder.meddle(operation, { ...make() }) }
  }
  const caller = (incoming: Incoming) => authenticate(incoming, trust)
  const owned = (keyId: string, owner: string): HeldKey => {
    const key = keys.get(keyId.toLowerCase())
    if (key?.owner !== owner) throw new WireError('NOT_FOUND')
    if (key.status === 'DELETED') throw new WireError('KEY_DELETED')
    return key
  }

  const routes = [
    route({
      method: 'GET',
      path: '/internal/identity',
      caller,
      handle: () => answered('identity', () => ({ publicKey: ONES, identity: ONES, keyVersion: 1 })),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/commit',
      caller,
      body: commitKeyRequest,
      handle: ({ body, caller: owner }) =>
        answered('commit', () => {
          const { signer, chainCode, keyId } = owned(body.body.clientShare.keyId, owner)
          const receipt = { keyId, stageId: ONES, epoch: 0, conf: ONES, signature: `0x${'11'.repeat(64)}` }
          return { keyId, publicKey: signer.compressedPublicKey, chainCode, epoch: 0, receipt }
        }),
    }),
    route({
      method: 'GET',
      path: '/internal/keys/:keyId',
      caller,
      handle: ({ params, caller: owner }) =>
        answered('status', () => {
          const { keyId, status, epoch, care } = owned(params['keyId']!, owner)
          return { keyId, status, epoch, presignatures: 3, device: { identity: ONES, exchange: ONES }, ...care }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/keys/:keyId/attest',
      caller,
      body: attestRequest,
      handle: ({ params, caller: owner }) =>
        answered('attest', () => {
          owned(params['keyId']!, owner)
          return {}
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/sessions',
      caller,
      body: prepareSessionRequest,
      handle: ({ body, caller: owner }) =>
        answered('prepare', () => {
          owned(body.keyId, owner)
          const digest = digestOf(body)
          holder.sessions.set(body.sessionId, { ...body, digest })
          return { digest, rhoS: ONES, expiresAt: Math.floor(Date.now() / 1000) + 600 }
        }),
    }),
    route({
      method: 'POST',
      path: '/internal/sessions/:sessionId/complete',
      caller,
      params: z.object({ sessionId: z.string() }),
      body: completeSessionRequest,
      handle: ({ params, body, caller: owner }) =>
        answered('complete', () => {
          const session = holder.sessions.get(params.sessionId)
          if (session === undefined) throw new WireError('NOT_FOUND')
          const { digest } = session
          if (session.signature !== undefined) return { digest, signature: session.signature }
          if (session.cancelled) throw new WireError('SESSION_CONSUMED')
          if (body.p1SignatureShare === undefined) throw new WireError('VALIDATION_FAILED', 'p1SignatureShare: needed')
          const presignature = body.p1SignatureShare.slice(0, 42)
          if (spent.has(presignature)) throw new WireError('PRESIGNATURE_CONSUMED')
          spent.add(presignature)
          session.signature = signatureOf(owned(session.keyId, owner), session)
          return { digest, signature: session.signature }
        }),
    }),
  ]
  const cancelRoute = route({
    method: 'POST',
    path: '/internal/sessions/:sessionId/cancel',
    caller,
    params: z.object({ sessionId: z.string() }),
    body: cancelSessionRequest,
    handle: ({ params }) =>
      answered('cancel', () => {
        const session = holder.sessions.get(params.sessionId)
        if (session === undefined) throw new WireError('NOT_FOUND')
        if (session.signature !== undefined) throw new WireError('SESSION_CONSUMED')
        session.cancelled = true
        return {}
      }),
  })
  const proveRoute = route({
    method: 'POST',
    path: '/internal/sessions/:sessionId/prove',
    caller,
    body: proveSessionRequest,
    handle: () => answered('prove', () => ({})),
  })
  const log = createLog({ name: 'key-holder', level: 'silent' })
  const all = [...routes, cancelRoute, proveRoute]
  const life = keyLifeRoutes({ caller, owned, answered })
  const batches = batchRoutesOf({ caller, owned, answered, digestOf, signatureOf })
  const server = await listen(handle([...all, ...life, ...batches], { log, hosts: ['127.0.0.1'] }), {
    name: 'keys',
    host: '127.0.0.1',
    port: 0,
  })
  const holder: KeyHolder = {
    url: `http://127.0.0.1:${server.port}`,
    sessions: new Map(),
    calls: [],
    meddle: honest,
    addKey: (owner, status = 'READY') => {
      const [signer, chainCode] = [new SigningKey(random()), random()]
      const key = { keyId: random(), owner, signer, chainCode, status, epoch: 0, stages: new Map(), care: {} }
      keys.set(key.keyId, key)
      return key
    },
    close: () => {
      server.cut()
      return server.close()
    },
  }
  return holder
}

const ONES = `0x${'01'.repeat(32)}`
const random = () => toHex(crypto.getRandomValues(new Uint8Array(32)))

/** Both tokens, as Sigpair checks them. */
async function authenticate(
  { headers, method, target, rawBody }: Incoming,
  trust: { functions: TrustedKeys; duoNode: TrustedKeys },
) {
  const call = { method, path: target, body: rawBody }
  const own = String(headers.authorization).slice('Bearer '.length)
  await verifyServiceToken(own, { from: trust.duoNode, issuer: 'duo-node', audience: 'sigpair' }, call)
  const theirs = String(headers['x-tandem-caller'])
  return (await verifyServiceToken(theirs, { from: trust.functions, issuer: 'functions', audience: 'sigpair' }, call))
    .sub
}

function digestOf({ payload }: PrepareSessionRequest): string {
  if (payload.kind === 'message') return hashMessage(payload.message)
  if (payload.kind === 'typed-data') {
    const { domain, types, message } = readTypedData(payload.json)
    return TypedDataEncoder.hash(domain as TypedDataDomain, types, message)
  }
  const { type: _, ...fields } = payload.unsignedTx
  return Transaction.from({ ...fields, type: 2 }).unsignedHash
}

/** r ‖ s ‖ recovery id */
function signatureOf({ signer, chainCode }: HeldKey, { digest, path }: HeldSession): string {
  const { r, s, yParity } = childOf(signer, chainCode, path).sign(digest)
  return concat([r, s, Uint8Array.of(yParity)])
}

/** The child's private key, by the private half of BIP-32: another way than the code under test goes. */
export function childOf(signer: SigningKey, chainCode: string, path: readonly number[]): SigningKey {
  const root = concat(['0x0488ade4', '0x00', '0x00000000', '0x00000000', chainCode, '0x00', signer.privateKey])
  const xprv = encodeBase58(concat([root, dataSlice(sha256(sha256(root)), 0, 4)]))
  const node = HDNodeWallet.fromExtendedKey(xprv) as HDNodeWallet
  return path.reduce((parent, index) => parent.deriveChild(index), node).signingKey
}
