import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { CallerMethod } from '@tandem/wire'

/** What was typed is not what the command takes. The message is for the terminal. */
export class WrongArguments extends Error {
  override readonly name = 'WrongArguments'
}

/** What the user wants done. */
export type Wanted =
  | { readonly kind: 'help' }
  /** makes a key file, and says its public key */
  | { readonly kind: 'identity'; readonly file: string }
  | { readonly kind: 'status'; readonly nodes: readonly string[]; readonly json: boolean }
  | {
      readonly kind: 'command'
      readonly nodes: readonly string[]
      readonly keyFile: string
      readonly method: CallerMethod
      /** not yet judged */
      readonly params: object
    }

const OPTIONS = {
  help: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  node: { type: 'string', multiple: true, default: [] as string[] },
  key: { type: 'string' },
  'key-id': { type: 'string' },
  members: { type: 'string' },
  threshold: { type: 'string' },
  message: { type: 'string' },
  transaction: { type: 'string' },
  digest: { type: 'string' },
  path: { type: 'string' },
  signers: { type: 'string' },
} as const

const METHOD_OF: Readonly<Record<string, CallerMethod>> = {
  keygen: 'keyGen',
  sign: 'keySign',
  refresh: 'keyRefresh',
  reshare: 'keyReshare',
  delete: 'keyDelete',
}

/** Beside `key-id`. */
const TAKES: Readonly<Record<CallerMethod, readonly string[]>> = {
  keyGen: ['members', 'threshold'],
  keySign: ['message', 'transaction', 'digest', 'path', 'signers'],
  keyRefresh: [],
  keyReshare: ['members', 'threshold'],
  keyDelete: [],
}

type Values = ReturnType<typeof parse>['values']

/** @throws {WrongArguments} */
export function readArguments(args: readonly string[]): Wanted {
  const { values, positionals } = parse(args)
  const [command, ...rest] = positionals
  if (values.help || command === undefined) return { kind: 'help' }
  if (command === 'identity') {
    const [file, ...more] = rest
    if (file === undefined || more.length > 0) throw new WrongArguments('identity takes one file')
    return { kind: 'identity', file }
  }
  if (rest.length > 0) throw new WrongArguments(`${command} takes options only`)
  const nodes = values.node.map((node) => node.replace(/\/$/, ''))
  if (nodes.length === 0 || !nodes.every((node) => /^https?:\/\/[^/]+$/.test(node))) {
    throw new WrongArguments('--node: the URL of a node, http://host:port; may be repeated')
  }
  if (command === 'status') return { kind: 'status', nodes, json: values.json }
  const method = METHOD_OF[command]
  if (method === undefined) throw new WrongArguments(`${command}: no such command`)
  return { kind: 'command', nodes, keyFile: required(values, 'key'), method, params: paramsOf(method, values) }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (cause) {
    throw new WrongArguments(cause instanceof Error ? cause.message : 'wrong arguments', { cause })
  }
}

function paramsOf(method: CallerMethod, values: Values): object {
  const foreign = Object.values(TAKES)
    .flat()
    .find((name) => name in values && !TAKES[method].includes(name))
  if (foreign !== undefined) throw new WrongArguments(`--${foreign} is not for this command`)
  const keyId = required(values, 'key-id')
  if (method === 'keyRefresh' || method === 'keyDelete') return { keyId }
  if (method === 'keySign') {
    const { path, signers } = values
    return {
      keyId,
      payload: payloadOf(values),
      ...(path === undefined ? {} : { path: path.split('/').map(numberIn) }),
      ...(signers === undefined ? {} : { signers: signers.split(',') }),
    }
  }
  return { keyId, members: required(values, 'members').split(','), threshold: numberIn(required(values, 'threshold')) }
}

function payloadOf({ message, transaction, digest }: Values): object {
  const given = [message, transaction, digest].filter((one) => one !== undefined)
  if (given.length !== 1) throw new WrongArguments('one of --message, --transaction and --digest')
  if (message !== undefined) return { kind: 'message', message }
  if (digest !== undefined) return { kind: 'digest', digest }
  return { kind: 'transaction', unsignedTx: jsonIn(transaction ?? '') }
}

function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new WrongArguments(`${file}: cannot be read, or is not JSON`, { cause })
  }
}

function required(values: Values, name: 'key' | 'key-id' | 'members' | 'threshold'): string {
  const value = values[name]
  if (value === undefined) throw new WrongArguments(`--${name} is missing`)
  return value
}

function numberIn(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text)) throw new WrongArguments(`${text}: not a number`)
  return Number(text)
}
