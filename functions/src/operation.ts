import {
  type Answer,
  bearerToken,
  type Call,
  type Caller,
  idempotent,
  type Incoming,
  type Method,
  type Route,
  route,
} from '@tandem/service'
import { WireError } from '@tandem/wire'
import type { z } from 'zod'
import type { Opened } from './api.ts'
import { charge, type Spending } from './charge.ts'
import type { BucketName } from './limits.ts'

/** What a sign-in was asked for with, where its issuer binds tokens to it. Source: docs/spec/app-attest.md, section 1. */
const NONCE_HEADER = 'x-sign-in-nonce'

/** Headings of the document, in its order. */
export type Tag = 'Wallets' | 'Transactions' | 'MPC' | 'Second factor' | 'App Attest' | 'Audit' | 'Webhooks' | 'Service'

/** Which allowances an operation may spend, and which one a request does. */
export type Spends<Body, Params> = {
  readonly buckets: readonly BucketName[]
  readonly of: (call: { readonly body: Body; readonly params: Params }) => Spending | readonly Spending[]
}

type UserCall<Body, Params, Query> = Call<Body, Caller, Params, Query>

/** One endpoint of the backend, written down once: what is served is what the document says. */
export type Operation<Body, Params, Query> = {
  readonly method: Method
  /** `/api/v1/profiles/:id` */
  readonly path: string
  readonly tag: Tag
  /** one line for people */
  readonly summary: string
  readonly body?: z.ZodType<Body>
  readonly params?: z.ZodType<Params>
  readonly query?: z.ZodType<Query>
  readonly response: z.ZodType
  /** of success; 200 without it */
  readonly status?: 200 | 201 | 202
  readonly spends?: Spends<Body, Params>
  /**
   * What a repetition with the same `Idempotency-Key` gets: the stored answer, kept as it is or, where it holds secrets,
   * sealed. Without it the header has no meaning here.
   */
  readonly repeats?: 'answer' | 'sealed answer'
  readonly handle: (call: UserCall<Body, Params, Query>, opened: Opened) => Promise<object>
}

/** What the document needs of an operation. */
export type Described = {
  readonly method: Method
  readonly path: string
  readonly tag: Tag
  readonly summary: string
  readonly body?: z.ZodType | undefined
  readonly params?: z.ZodType | undefined
  readonly query?: z.ZodType | undefined
  /** absent where the answer is no JSON of ours */
  readonly response?: z.ZodType | undefined
  readonly status: number
  readonly buckets: readonly BucketName[]
  readonly repeats: boolean
  /** what a caller proves: nothing, who he is, or that duo-node signed */
  readonly security: 'none' | 'user' | 'webhook'
}

/** An endpoint, to be served and to be documented. */
export type Served = { readonly route: Route; readonly described: Described }

/** Every request of an operation spends one of `bucket`. */
export const always = (bucket: BucketName) => ({ buckets: [bucket], of: () => ({ bucket }) })

/**
 * How operations are served: the user, then validation, then a repetition's answer, then the allowance, then the work. So
 * neither a malformed request nor a repetition costs anything.
 */
export function operations(opened: () => Promise<Opened>) {
  const caller = async ({ headers }: Pick<Incoming, 'headers'>) => {
    const token = bearerToken(headers.authorization)
    const nonce = headers[NONCE_HEADER]
    return (await opened()).ports.verifyUser(token, typeof nonce === 'string' ? nonce : undefined)
  }
  return <Body = undefined, Params = Readonly<Record<string, string>>, Query = Readonly<Record<string, never>>>(
    operation: Operation<Body, Params, Query>,
  ): Served => {
    const { method, path, body, params, query, response } = operation
    const shapes = { ...given({ body }), ...given({ params }), ...given({ query }) }
    const handle = async (call: UserCall<Body, Params, Query>) => perform(operation, call, await opened())
    return { route: route({ method, path, caller, ...shapes, response, handle }), described: describe(operation) }
  }
}

async function perform<Body, Params, Query>(
  operation: Operation<Body, Params, Query>,
  call: UserCall<Body, Params, Query>,
  opened: Opened,
): Promise<Answer> {
  const { store, secrets } = opened.ports
  const work = async () => {
    const spendings = [operation.spends?.of(call) ?? []].flat()
    await charge({ ...opened.ports, setHeader: call.setHeader }, call.caller.sub, spendings)
    return { status: operation.status ?? 200, body: await operation.handle(call, opened) }
  }
  const request = { ...call, user: call.caller.sub }
  if (operation.repeats === undefined) return work()
  if (operation.repeats === 'answer') return idempotent(store, request, work)

  const place = { purpose: 'idempotent answer', owner: call.caller.sub }
  const sealed = await idempotent(store, request, async () => {
    const { status, body } = await work()
    return { status, body: { sealed: secrets.sealText(place, JSON.stringify(body)) } }
  })
  return { ...sealed, body: JSON.parse(secrets.openText(place, sealedOf(sealed))) as object }
}

function sealedOf({ body }: Answer): string {
  if (body !== undefined && 'sealed' in body && typeof body.sealed === 'string') return body.sealed
  throw new WireError('INTERNAL')
}

function describe<Body, Params, Query>(operation: Operation<Body, Params, Query>): Described {
  const { method, path, tag, summary, body, params, query, response, status = 200, spends, repeats } = operation
  const what = { method, path, tag, summary, body, params, query, response, status, security: 'user' as const }
  return { ...what, buckets: spends?.buckets ?? [], repeats: repeats !== undefined }
}

/** The field, unless it is undefined. */
function given<T extends object>(field: T): { readonly [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(field).filter(([, value]) => value !== undefined)) as never
}
