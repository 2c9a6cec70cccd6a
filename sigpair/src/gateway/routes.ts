import { type Incoming, type Method, parseJson, type Route } from '@tandem/service'
import {
  completeBatchRequest,
  completeSessionRequest,
  prepareBatchRequest,
  prepareSessionRequest,
  VERSION_HEADER,
  WireError,
} from '@tandem/wire'
import type { z } from 'zod'
import { merged } from './agree.ts'
import { type CatchUp, catcherUp } from './catch-up.ts'
import { combineSession, mayCombine } from './combine.ts'
import { combineBatch, mayCombineBatch } from './combine-batch.ts'
import { ask, type Gateway } from './gateway.ts'
import { identify } from './identify.ts'
import type { Fields, MemberCall, Word } from './member-call.ts'
import { type Rule, RULES } from './rules.ts'
import { settleBatch, settleSession } from './settle.ts'

type Params = Readonly<Record<string, string>>

/** A call as it came; nothing of it was verified: that is the members' part. */
type Asked = { readonly incoming: Incoming; readonly params: Params; readonly rule: Rule }

/** What some answers need before there is one, and when they are enough for it. */
type Step = {
  readonly enough?: (gateway: Gateway, words: readonly Word[]) => boolean
  readonly conclude: (gateway: Gateway, asked: Asked, words: readonly Word[]) => object | Promise<object>
}

const MERGE: Step = { conclude: ({ sizes }, { rule }, words) => merged(words, rule, sizes) }

const STEPS: Readonly<Record<NonNullable<Rule['then']>, Step>> = {
  identify: { conclude: (gateway, _asked, words) => identify(gateway, words) },
  settle: {
    conclude: async (gateway, { incoming }, words) => {
      const { sessionId: id, keyId } = bodyOf(prepareSessionRequest, incoming, words)
      return settleSession(gateway, { id, keyId }, words)
    },
  },
  'settle-batch': {
    conclude: async (gateway, { incoming }, words) => {
      const { batchId: id, keyId } = bodyOf(prepareBatchRequest, incoming, words)
      return settleBatch(gateway, { id, keyId }, words)
    },
  },
  combine: {
    enough: mayCombine,
    conclude: async (gateway, { incoming, params: { sessionId: id = '' } }, words) => {
      const { keyId, p1SignatureShare: share } = bodyOf(completeSessionRequest, incoming, words)
      return combineSession(gateway, { id, keyId, share }, words)
    },
  },
  'combine-batch': {
    enough: mayCombineBatch,
    conclude: async (gateway, { incoming, params: { batchId: id = '' } }, words) => {
      const { keyId, signatures: shares } = bodyOf(completeBatchRequest, incoming, words)
      return combineBatch(gateway, { id, keyId, shares }, words)
    },
  },
}

/** What duo-node may ask of a committee: what it may ask of Sigpair. Source: docs/spec/gateway.md, section 4. */
export function gatewayRoutes(gateway: Gateway): Route[] {
  const catchUp = catcherUp()
  return Object.entries(RULES).map(([name, rule]) => {
    const [method, path] = name.split(' ') as [Method, string]
    const run: Route['run'] = async (incoming, params) => {
      return { status: 200, body: await serve(gateway, catchUp, { incoming, params, rule }) }
    }
    return { method, path, maxBytes: undefined, run }
  })
}

async function serve(gateway: Gateway, catchUp: CatchUp, asked: Asked): Promise<object> {
  const { incoming, params, rule } = asked
  const { enough, conclude } = rule.then === undefined ? MERGE : STEPS[rule.then]
  const words = await ask(gateway, callOf(incoming), rule, enough && ((heard) => enough(gateway, heard)))
  const caughtUp = await catchUp(gateway, params['keyId'] ?? keyIdIn(incoming), words)
  try {
    return await conclude(gateway, asked, words)
  } catch (cause) {
    // a member takes a token once: whoever called brings another
    if (caughtUp) throw new WireError('UNAVAILABLE', 'a member has caught up; repeat the call', { cause })
    throw cause
  }
}

/** Byte for byte, with the tokens that are bound to it. Spec: gateway 1.2. */
function callOf({ method, target, headers, rawBody }: Incoming): MemberCall {
  const passed = ['authorization', 'x-tandem-caller', 'content-type', VERSION_HEADER].flatMap((name) => {
    const value = headers[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return {
    method,
    target,
    headers: Object.fromEntries(passed) as MemberCall['headers'],
    body: Uint8Array.from(rawBody),
  }
}

/** Members have validated it and so done it; if none has, what they say of it matters and not what it is. */
function bodyOf<T>(schema: z.ZodType<T>, { rawBody }: Incoming, words: readonly Word[]): T {
  const { data } = schema.safeParse(fieldsOf(rawBody))
  if (data !== undefined) return data
  const refused = words.find((word) => word.said === 'refused')
  throw refused?.error ?? new WireError('VALIDATION_FAILED')
}

function keyIdIn({ rawBody, query }: Incoming): string | undefined {
  const { keyId } = fieldsOf(rawBody)
  return typeof keyId === 'string' ? keyId : (query.get('keyId') ?? undefined)
}

/** Empty for what is no JSON object. */
function fieldsOf(rawBody: Uint8Array): Fields {
  if (rawBody.length === 0) return {}
  try {
    const value = parseJson(rawBody)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
