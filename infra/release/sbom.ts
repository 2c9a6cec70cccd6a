type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

/** What npm knows of the machine it ran on: when, where from, and a random number. */
const OF_THE_MACHINE = new Set(['serialNumber', 'timestamp', 'tools'])

/** npm's own notes; `cdx:npm:package:path` is where a package lay */
const NOTES = 'properties'

/**
 * A CycloneDX document that is the same for the same lock file, wherever it is made: without time, serial number, tool,
 * path and address of the registry; lists in code-unit order. Integrity hashes stay: they say which bytes were meant.
 */
export function normalise(sbom: JsonObject, name: string): JsonObject {
  const clean = cleaned(sbom) as JsonObject
  const metadata = clean['metadata'] as JsonObject
  return { ...clean, metadata: { ...metadata, component: { ...(metadata['component'] as JsonObject), name } } }
}

function cleaned(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(cleaned).toSorted(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as JsonObject)
    .filter(([key]) => !OF_THE_MACHINE.has(key) && key !== NOTES)
    .map(([key, of]) => [key, key === 'externalReferences' ? withoutRegistry(of) : cleaned(of)] as const)
  return Object.fromEntries(entries)
}

/** Where a package was downloaded is a matter of the machine; its home page and its repository are not. */
function withoutRegistry(references: Json): Json {
  return (references as readonly JsonObject[]).filter(({ type }) => type !== 'distribution')
}

function inOrder(a: Json, b: Json): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)]
  return x < y ? -1 : Number(x > y)
}
