import { AsyncLocalStorage } from 'node:async_hooks'
import type { Span } from './telemetry.ts'
import { type TraceContext, writeTraceparent } from './trace-context.ts'

/** What everything that happens for one request or one dialogue has in common. */
export type Scope = {
  /** the span that runs, if somebody records */
  readonly span?: Span | undefined
  readonly trace?: TraceContext | undefined
  readonly requestId?: string | undefined
}

const scopes = new AsyncLocalStorage<Scope>()

/** Runs `act`, and all that follows from it, in this scope. */
export function inScope<T>(scope: Scope, act: () => T): T {
  return scopes.run(scope, act)
}

export const activeScope = (): Scope => scopes.getStore() ?? {}

/** `act` in the scope of now, whoever calls it later: for listeners, which run in the scope of what emits. */
export const inThisScope = <A extends readonly unknown[], R>(act: (...given: A) => R) => AsyncLocalStorage.bind(act)

/** What another of our services is told over HTTP, so that one request can be followed through all of them. */
export function scopeHeaders(): Readonly<Record<string, string>> {
  const { requestId } = activeScope()
  return { ...traceparentHeader(), ...(requestId === undefined ? {} : { 'x-request-id': requestId }) }
}

/** The header that tells the next service where its work hangs; nothing where there is no trace. */
export function traceparentHeader(): { readonly traceparent?: string } {
  const { trace } = activeScope()
  return trace === undefined ? {} : { traceparent: writeTraceparent(trace) }
}
