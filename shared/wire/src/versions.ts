import { WireError } from './errors.ts'

/** Versions of what a device says to the servers that this code speaks, ascending: over WebSocket and over HTTP. */
export const WIRE_VERSIONS: readonly number[] = [1]

/** Versions of what the services say to each other, ascending. A new field is one: they refuse what they do not know. */
export const INTERNAL_VERSIONS: readonly number[] = [1]

/** Request header of HTTP: the one version the caller demands. Absent: whatever is served. */
export const VERSION_HEADER = 'tandem-version'

/** Header of every answer: the versions that are served, ascending. */
export const VERSIONS_HEADER = 'tandem-versions'

/** What a socket carries: one dialogue, or one with each member of a committee. */
export type SocketFamily = 'tandem' | 'tandem.committee'

/** The version of a dialogue, and all that the device offered: the handshake binds both. Ascending, each once, 1..255. */
export type Agreement = { readonly version: number; readonly offered: readonly number[] }

/** Of a device that offers nothing newer. */
export const VERSION_1: Agreement = { version: 1, offered: [1] }

export function subprotocolOf(family: SocketFamily, version: number): string {
  return `${family}.v${version}`
}

/** What a device offers, the version it prefers first. */
export function subprotocolsOf(family: SocketFamily, versions: readonly number[]): string[] {
  return versions.toSorted((a, b) => b - a).map((version) => subprotocolOf(family, version))
}

/** The versions of a family among offered subprotocols; other names say nothing. */
export function offeredIn(family: SocketFamily, names: readonly string[]): readonly number[] {
  const versions = names.flatMap((name) => {
    const text = name.startsWith(`${family}.v`) ? name.slice(family.length + 2) : ''
    return /^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= 255 ? [Number(text)] : []
  })
  return [...new Set(versions)].toSorted((a, b) => a - b)
}

/** The highest version that both speak. */
export function agree(offered: readonly number[], served: readonly number[]): Agreement | undefined {
  const common = offered.filter((version) => served.includes(version))
  return common.length === 0 ? undefined : { version: Math.max(...common), offered }
}

/**
 * What the server chose, as the device sees it.
 *
 * @param chosen the socket's subprotocol; a host that does not tell it can offer only one
 * @throws {WireError} `VERSION_UNSUPPORTED` for one that was not offered
 */
export function agreementOn(family: SocketFamily, offered: readonly number[], chosen: string | undefined): Agreement {
  const only = offered.length === 1 ? offered[0] : undefined
  const version = chosen ? offered.find((one) => subprotocolOf(family, one) === chosen) : only
  if (version === undefined) throw new WireError('VERSION_UNSUPPORTED')
  return { version, offered: offered.toSorted((a, b) => a - b) }
}

/** The header of a request that demands the newest version of these. */
export function demanding(versions: readonly number[]): Readonly<Record<string, string>> {
  return { [VERSION_HEADER]: `${Math.max(...versions)}` }
}

/** `VERSION_UNSUPPORTED`, with the versions that would do. */
export function versionUnsupported(served: readonly number[]): WireError {
  return new WireError('VERSION_UNSUPPORTED', `served: ${served.join(', ')}`)
}

/** The versions in the details of {@link versionUnsupported}; empty where it names none. */
export function servedIn(details: string): readonly number[] {
  const list = /^served: ([1-9][0-9]{0,2}(?:, [1-9][0-9]{0,2}){0,15})$/.exec(details)?.[1]
  return list === undefined ? [] : list.split(', ').map(Number)
}

/**
 * Whether a caller may go on: whoever demands no version may.
 *
 * @param demanded a number, or its text
 * @throws {WireError} `VERSION_UNSUPPORTED`, with the versions served
 */
export function requireVersion(demanded: unknown, served: readonly number[]): void {
  const isServed = demanded === undefined || served.some((one) => demanded === one || demanded === `${one}`)
  if (!isServed) throw versionUnsupported(served)
}
