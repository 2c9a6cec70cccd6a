import { WireError } from '@tandem/wire'

/** Levels of lists and objects inside each other; our deepest schema has six. */
const MAX_DEPTH = 16

const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * JSON from outside: UTF-8, bounded depth, no names that touch prototypes, no text that is half a character, no number
 * that became infinite.
 *
 * @throws {WireError} VALIDATION_FAILED, never quoting the input
 */
export function parseJson(bytes: Uint8Array): unknown {
  const value = parse(decode(bytes))
  check(value)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new WireError('VALIDATION_FAILED', 'the body is not UTF-8', { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // its message quotes the body, which may hold anything
    throw new WireError('VALIDATION_FAILED', 'the body is not JSON')
  }
}

/** Level by level, without recursion: depth is what is being bounded. */
function check(root: unknown): void {
  let level: readonly unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new WireError('VALIDATION_FAILED', `more than ${MAX_DEPTH} levels`)
    level = level.flatMap(children)
  }
}

function children(value: unknown): readonly unknown[] {
  if (typeof value === 'string' && !value.isWellFormed())
    throw new WireError('VALIDATION_FAILED', 'text is not Unicode')
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new WireError('VALIDATION_FAILED', 'a number is too large')
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value
  const names = Object.keys(value)
  if (names.some((name) => FORBIDDEN_NAMES.has(name)))
    throw new WireError('VALIDATION_FAILED', 'a field name is refused')
  if (!names.every((name) => name.isWellFormed()))
    throw new WireError('VALIDATION_FAILED', 'a field name is not Unicode')
  return Object.values(value)
}
