import { isNativeError } from 'node:util/types'

/** A field with such a name is not logged. Better a public share too few than a private one too many. */
const SECRET_NAME =
  /secret|share|token|ticket|authorization|cookie|passw|passphrase|private|credential|mnemonic|seed|plaintext|twofactor|totp|otp$|pin$|recovery|apikey|jwk$/i

const MAX_DEPTH = 6
const MAX_ITEMS = 50
const MAX_TEXT = 4_096

/**
 * A copy of `value` that may be logged: secret fields print as `[secret]`, bytes as their length, errors with stack and
 * cause, tokens inside text as `[token]`; depth and size are bounded.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return '[bigint]'
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) return '[deeper]'
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1))
  if (isNativeError(value)) return redactError(value, depth)
  if ('toJSON' in value && typeof value.toJSON === 'function') return redact(value.toJSON(), depth + 1)
  return redactFields(value, depth)
}

/** The fields of a log line. */
export function redactFields(fields: object, depth = 0): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, MAX_ITEMS)
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      SECRET_NAME.test(name) && isContent(value) ? '[secret]' : redact(value, depth + 1),
    ]),
  )
}

/** A count or a flag under a secret's name (`presharedTokens: 3`) gives nothing away. */
const isContent = (value: unknown) => typeof value === 'string' || (typeof value === 'object' && value !== null)

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause, ...rest } = error
  return {
    type: error.name || name,
    message: redactText(message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...redactFields(rest, depth),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  }
}

function redactText(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replaceAll(/eyJ[\w-]*\.[\w-]+\.[\w-]*/g, '[token]')
    .replaceAll(/\b(Bearer|Basic)\s+\S+/gi, '$1 [secret]')
}
