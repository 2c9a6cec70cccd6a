import { hedged, type Rng } from '@tandem/rounds'
import { utf8 } from '@tandem/wire'

/** A WebSocket as far as the SDK uses it; the browser's, Node's and React Native's all are one. */
export type Socket = {
  binaryType: string
  readonly readyState: number
  /** the subprotocol the server chose, once open; a host that cannot tell can offer only one */
  readonly protocol?: string | undefined
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null
  onerror: (() => void) | null
  send(bytes: Uint8Array): void
  close(code?: number, reason?: string): void
}

export type HttpRequest = {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export type HttpAnswer = { readonly status: number; text(): Promise<string> }

/** What a host lends to the SDK. {@link defaultPlatform} takes it from the global scope of a browser or of Node. */
export type Platform = {
  readonly random: Rng
  readonly fetch: (url: string, request: HttpRequest) => Promise<HttpAnswer>
  /** @param subprotocols to be offered in this order, at least one */
  readonly connect: (url: string, subprotocols: readonly string[]) => Socket
  /** milliseconds since 1970 */
  readonly now: () => number
  /** calls `act` after `ms`; the returned function cancels */
  readonly after: (ms: number, act: () => void) => () => void
  /** lets the user interface breathe between long computations */
  readonly breathe: () => Promise<void>
  /** `traceparent` of W3C Trace Context for each request, in an app that traces its own work */
  readonly traceparent?: () => string | undefined
}

type Globals = {
  readonly crypto?: { getRandomValues(bytes: Uint8Array): Uint8Array }
  readonly fetch?: (url: string, request: object) => Promise<HttpAnswer>
  readonly WebSocket?: new (url: string, subprotocols: string[]) => Socket
  readonly setTimeout?: (act: () => void, ms: number) => unknown
  readonly clearTimeout?: (timer: unknown) => void
}

/** Largest request of `crypto.getRandomValues`. */
const RANDOM_CHUNK = 65_536

/** @throws {TypeError} naming what the host lacks; pass a Platform of your own there */
export function defaultPlatform(): Platform {
  const host = globalThis as Globals
  const need = <K extends keyof Globals>(name: K): NonNullable<Globals[K]> => {
    const found = host[name]
    if (found === undefined || found === null)
      throw new TypeError(`this host has no ${name}: pass a Platform to TandemClient`)
    return found
  }
  const crypto = need('crypto')
  const fetch = need('fetch')
  const WebSocket = need('WebSocket')
  const setTimer = need('setTimeout')
  const clearTimer = need('clearTimeout')
  const after = (ms: number, act: () => void) => {
    const timer = setTimer.call(host, act, ms)
    return () => clearTimer.call(host, timer)
  }
  return {
    random: hedged((n) => fill(crypto, n), utf8(`${Date.now()}`)),
    fetch: async (url, request) => fetch.call(host, url, request),
    connect: (url, subprotocols) => new WebSocket(url, [...subprotocols]),
    now: () => Date.now(),
    after,
    breathe: async () =>
      new Promise((resolve) => {
        after(0, resolve)
      }),
  }
}

function fill(crypto: NonNullable<Globals['crypto']>, n: number): Uint8Array {
  const out = new Uint8Array(n)
  for (let at = 0; at < n; at += RANDOM_CHUNK) crypto.getRandomValues(out.subarray(at, at + RANDOM_CHUNK))
  return out
}
