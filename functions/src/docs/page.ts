import type { DocumentedOperation, OpenApi, Schema } from './openapi.ts'
import { STYLE } from './style.ts'

export { STYLE } from './style.ts'

/** The document as one page of HTML: no script, nothing from elsewhere. */
export function renderPage({ info, tags, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const of = (tag: string) => operations.filter(({ operation }) => operation.tags.some((name) => name === tag))
  const names = Object.keys(components.schemas)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(info.title)} API</title><style>${STYLE}</style></head><body>
<nav><strong>${escape(info.title)} API</strong>
${tags.map(({ name }) => `<h2>${escape(name)}</h2>${of(name).map(entry).join('')}`).join('\n')}
<div class="schemas"><h2>Schemas</h2>${names.map((name) => `<a href="#schema-${name}">${name}</a>`).join('')}</div></nav>
<main><h1>${escape(info.title)} API</h1><p class="lead">${escape(info.description)}</p>
<p><a class="chip" href="/openapi.json">openapi.json</a></p>
${tags
  .map(
    ({ name, description }) =>
      `<h2>${escape(name)}</h2><p>${escape(description)}</p>${of(name)
        .map((one) => article(one, components.schemas))
        .join('\n')}`,
  )
  .join('\n')}
<h2>Schemas</h2><p>What the calls above take and answer. A field with ? may be absent; no other fields are taken.</p>
${names.map((name) => `<article id="schema-${name}"><h3>${name}</h3>${shape(components.schemas[name]!)}</article>`).join('\n')}
</main></body></html>
`
}

type Listed = { readonly path: string; readonly method: string; readonly operation: DocumentedOperation }

function entry({ path, method, operation }: Listed): string {
  const short = path.replace(/^\/api/, '')
  return `<a href="#${operation.operationId}"><span class="method ${method}">${method}</span><span>${escape(short)}</span></a>`
}

type Schemas = Readonly<Record<string, Schema>>

function article({ path, method, operation }: Listed, schemas: Schemas): string {
  const { operationId, summary, parameters = [], requestBody, responses, security } = operation
  const limits = operation['x-rate-limits'] ?? []
  const repeatable = parameters.some(({ name }) => name === 'Idempotency-Key')
  const chips = [
    security === undefined ? 'no token' : 'user' in (security[0] ?? {}) ? 'user token' : 'signature of duo-node',
    ...limits.map((name) => `limit: ${name}`),
    ...(repeatable ? ['Idempotency-Key'] : []),
  ]
  const rows = parameters.filter(({ in: place }) => place !== 'header')
  const properties = Object.fromEntries(rows.map(({ name, schema }) => [name, schema]))
  const required = rows.filter((row) => row.required).map(({ name }) => name)
  const [status = '', success] = Object.entries(responses)[0] ?? []
  return `<article id="${operationId}"><h3><span class="method ${method}">${method}</span> ${escape(path)}</h3>
<p>${escape(summary)}</p>${chips.map((chip) => `<span class="chip">${escape(chip)}</span>`).join('')}
${rows.length === 0 ? '' : `<h4>Parameters</h4>${shape({ properties, required })}`}
${requestBody === undefined ? '' : `<h4>Body</h4>${content(requestBody, schemas)}`}
<h4>Answer ${status}</h4>${content(success ?? {}, schemas)}</article>`
}

function content(message: object, schemas: Schemas): string {
  const types = 'content' in message ? (message.content as Record<string, { readonly schema: Schema }>) : {}
  const schema = types['application/json']?.schema
  if (schema === undefined) return '<span class="note">no JSON of ours</span>'
  const { $ref } = schema
  const named = typeof $ref === 'string' ? schemas[$ref.split('/').at(-1) ?? ''] : undefined
  return named?.['properties'] === undefined
    ? shape(schema)
    : `<span class="type">${type(schema)}</span>${shape(named)}`
}

/** A table of its fields, if it has some; else its type in a line. */
function shape(schema: Schema): string {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>
  const required = new Set((schema['required'] ?? []) as readonly string[])
  const names = Object.keys(properties)
  if (names.length === 0 && schema['type'] === 'object') return '<span class="type">{}</span>'
  if (names.length === 0) return `<span class="type">${type(schema)}</span> <span class="note">${note(schema)}</span>`
  const row = (name: string, field: Schema) =>
    `<tr><td><span${required.has(name) ? '' : ' class="optional"'}>${escape(name)}</span></td><td class="type">${type(field)}</td><td class="note">${note(field)}</td></tr>`
  return `<table>${names.map((name) => row(name, properties[name]!)).join('')}</table>`
}

/** A type in a few characters: `string`, `Intent`, `integer[]`, `{ a: string }`, `"x" | "y"`. */
function type(schema: Schema): string {
  const { $ref, anyOf, oneOf, items, enum: values, properties } = schema
  if (typeof $ref === 'string') {
    const name = escape($ref.split('/').at(-1) ?? '')
    return `<a href="#schema-${name}">${name}</a>`
  }
  if ('const' in schema) return escape(JSON.stringify(schema['const']))
  const choices = (anyOf ?? oneOf) as readonly Schema[] | undefined
  if (choices !== undefined) return choices.map(type).join(' | ')
  if (Array.isArray(values)) return values.map((value) => escape(JSON.stringify(value))).join(' | ')
  if (typeof items === 'object' && items !== null) return `${type(items as Schema)}[]`
  if (typeof properties === 'object' && properties !== null) {
    const fields = Object.entries(properties as Readonly<Record<string, Schema>>)
    return `{ ${fields.map(([name, field]) => `${escape(name)}: ${type(field)}`).join(', ')} }`
  }
  return escape(typeof schema['type'] === 'string' ? schema['type'] : 'any')
}

/** What a value must be beyond its type. */
function note(schema: Schema): string {
  const { pattern, minLength, maxLength, minimum, maximum, maxItems, description } = schema
  const range = (low: unknown, high: unknown, unit: string) => {
    const [from, to] = [low, high].map((end) =>
      Number.isSafeInteger(end) && Math.abs(Number(end)) < 2 ** 53 - 1 ? end : '',
    )
    if (from === '' && to === '') return ''
    if (from === '') return `at most ${String(to)}${unit}`
    return to === '' ? `at least ${String(from)}${unit}` : `${String(from)}…${String(to)}${unit}`
  }
  const parts = [
    typeof description === 'string' ? escape(description) : '',
    typeof pattern === 'string' ? `<code>${escape(pattern)}</code>` : '',
    range(minLength, maxLength, ' characters'),
    range(minimum, maximum, ''),
    range(undefined, maxItems, ' items'),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escape = (text: string) => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
