import { z } from 'zod'

export type Env = Readonly<Record<string, string | undefined>>

/** The environment is not what the service needs. The message names every variable, and never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads the variables that `schema` names; an empty one counts as unset. Give each field
 * `.meta({ description, example })` last, for the message.
 *
 * @throws {ConfigError} listing every variable that is missing or wrong, each with an example
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Env): z.infer<S> {
  const given = Object.keys(schema.shape).flatMap((name) => (env[name] ? [[name, env[name]]] : []))
  const result = schema.safeParse(Object.fromEntries(given))
  if (result.success) return result.data

  const lines = result.error.issues.map((issue) => lineOf(schema, env, issue))
  throw new ConfigError(`the environment is not complete:\n${[...new Set(lines)].join('\n')}`)
}

function lineOf(schema: z.ZodObject, env: Env, issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0] ?? '')
  const field = schema.shape[name]
  const { description, example } = (field instanceof z.ZodType ? field.meta() : undefined) ?? {}
  const what = env[name] ? issue.message : 'is not set'
  const forExample = typeof example === 'string' ? `, for example ${name}=${example}` : ''
  return `  ${name}: ${what}${description === undefined ? '' : ` (${description})`}${forExample}`
}

/** A TCP port, 0…65535 (0: any free one). */
export const envPort = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'a port number')
  .transform(Number)
  .refine((port) => port <= 65_535, 'a port number')

/** An absolute URL of one of the given schemes. */
export const envUrl = (...schemes: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)), {
    error: `a URL starting with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  })

/** Names separated by commas, none empty. */
export const envList = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

/** `true` or `false`, spelled out: a mistyped flag must not choose the unsafe side. */
export const envFlag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** JSON text of the given shape. */
export const envJson = <T extends z.ZodType>(shape: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        const value: unknown = JSON.parse(text)
        return value
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' })
        return z.NEVER
      }
    })
    .pipe(shape)
