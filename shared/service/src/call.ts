import { isErrorCode, WireError } from '@tandem/wire'
import { scopeHeaders } from './telemetry/scope.ts'
import { span, timed } from './telemetry/telemetry.ts'

/** One call to another of our services. */
export type HttpCall = {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** empty for none */
  readonly body: Uint8Array<ArrayBuffer>
  /** from the first byte sent to the last byte received */
  readonly timeoutMs: number
}

/** An answer, read whole. */
export type HttpAnswer = { readonly status: number; readonly body: Uint8Array<ArrayBuffer> }

/** Nobody answered in time, or not as one of our services does. Whether the call had an effect is unknown. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** A list of a hundred profiles is a tenth of this. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** One of our services is told which request and trace its work belongs to. @throws {NoAnswer} */
export async function callHttp(call: HttpCall): Promise<HttpAnswer> {
  const attributes = { 'http.request.method': call.method }
  return span({ name: call.method, kind: 'client', attributes }, async ({ set }) => {
    const answer = await timed('http.client.request.duration', attributes, async () => send(call))
    set({ 'http.response.status_code': answer.status })
    return answer
  })
}

async function send({ url, method, headers, body, timeoutMs }: HttpCall): Promise<HttpAnswer> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...scopeHeaders(), ...headers },
      signal: AbortSignal.timeout(timeoutMs),
      // A redirect would carry our token to wherever it points.
      redirect: 'error',
      ...(body.length === 0 ? {} : { body }),
    })
    return { status: response.status, body: await readBounded(response) }
  } catch (cause) {
    throw new NoAnswer(`no answer to ${method}`, { cause })
  }
}

async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError('the answer is too large')
    chunks.push(chunk)
  }
  return Uint8Array.from(Buffer.concat(chunks))
}

/**
 * Refusals of our own token or version: the user can do nothing about them, and must not be told to sign in again or to update
 * the app.
 */
const OURS = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'VERSION_UNSUPPORTED'])

/**
 * What an error answer of one of our services says, by its code.
 *
 * @throws {NoAnswer} for an answer that is not of ours, such as a load balancer's
 */
export function errorOfAnswer({ status, body }: HttpAnswer): WireError {
  const { error, details } = fieldsOf(body)
  if (!isErrorCode(error)) throw new NoAnswer(`an answer of status ${status} that is not of our form`)
  const said = typeof details === 'string' ? details.slice(0, 500) : undefined
  const cause = new Error(`the called service refuses: ${error}${said === undefined ? '' : ` (${said})`}`)
  if (OURS.has(error)) return new WireError('INTERNAL', undefined, { cause })
  return new WireError(error, said, { cause })
}

function fieldsOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
