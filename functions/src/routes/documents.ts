import { createHash } from 'node:crypto'
import { type Answer, type Route, route } from '@tandem/service'
import { webhookDescribed } from '../http/webhook.ts'
import type { OpenApi } from '../docs/openapi.ts'
import type { Described, Served } from '../operation.ts'

const described = (path: string, summary: string): Described => {
  return {
    method: 'GET',
    path,
    tag: 'Service',
    summary,
    status: 200,
    buckets: [],
    repeats: false,
    security: 'none',
  }
}

/** Served beside what `routes.ts` lists, and no user's. */
const OTHERS: readonly Described[] = [
  webhookDescribed,
  described('/health/live', 'Whether the process answers.'),
  described('/health/ready', 'Whether it may get work: its store can be reached.'),
]

/**
 * The document of every endpoint, these two among them, for programs and for people.
 *
 * @param others all that is served beside them
 */
export function documentRoutes(others: readonly Described[]): readonly Served[] {
  const json = described('/openapi.json', 'This document, for programs.')
  const page = described('/docs', 'This document, for people.')
  const all = [...others, json, page, ...OTHERS]
  // Made once: anybody may ask, and it takes some milliseconds.
  const document = once(() => documentOf(all))
  const html = once(async () => pageAnswer(await document()))
  return [
    { described: json, route: publicRoute(json.path, async () => ({ status: 200, body: await document() })) },
    { described: page, route: publicRoute(page.path, html) },
  ]
}

/** Loaded by the first reader. */
export const documentOf = async (all: readonly Described[]) => (await import('../docs/openapi.ts')).openApi(all)

/** Everything that is documented: what the routes say, and what is no user's. */
export const documentedOperations = (served: readonly Served[]): readonly Described[] => {
  return [...served.map((one) => one.described), ...OTHERS]
}

function publicRoute(path: string, handle: () => Promise<Answer>): Route {
  return route({ method: 'GET', path, handle })
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

async function pageAnswer(document: OpenApi): Promise<Answer> {
  const { renderPage, STYLE } = await import('../docs/page.ts')
  const style = createHash('sha256').update(STYLE).digest('base64')
  return {
    status: 200,
    body: Buffer.from(renderPage(document)),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      // No script at all: what is shown comes from our own schemas, and still.
      'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
    },
  }
}
