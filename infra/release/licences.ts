import { nameOf, type Lock } from './lock.ts'

/** Take it, change it, sell it, and keep the notice: nothing else may be asked of whoever runs Tandem. */
export const PERMISSIVE: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-3.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
])

/** Packages whose manifest does not say: what their licence file says, read by a person, for this version only. */
export const READ_BY_HAND: Readonly<Record<string, string>> = {
  // LICENSE is the text of MIT; the manifest says `licenses`, which npm does not read
  'xmlhttprequest-ssl@2.1.2': 'MIT',
}

export type Licensed = {
  readonly name: string
  readonly version: string
  /** SPDX expression; `unknown` if the manifest has none */
  readonly licence: string
  readonly permissive: boolean
}

/** @param folders keys of the lock file */
export function licencesOf(lock: Lock, folders: readonly string[]): readonly Licensed[] {
  const rows = folders.map((folder) => {
    const { name = nameOf(folder), version = '', license } = lock[folder] ?? {}
    const licence = license ?? READ_BY_HAND[`${name}@${version}`] ?? 'unknown'
    return { name, version, licence, permissive: isPermissive(licence) }
  })
  // the same package in two places is one row
  const once = new Map(rows.map((row) => [`${row.name}@${row.version}`, row]))
  return [...once.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** Of alternatives one is enough; of licences that apply together each one must be. */
export function isPermissive(expression: string): boolean {
  const alternatives = splitOutside(expression, ' OR ')
  if (alternatives.length > 1) return alternatives.some(isPermissive)
  const all = splitOutside(expression, ' AND ')
  if (all.length > 1) return all.every(isPermissive)
  const inside = /^\((.*)\)$/.exec(expression)?.[1]
  return inside === undefined ? PERMISSIVE.has(expression) : isPermissive(inside)
}

/** Splits where no parenthesis is open. */
function splitOutside(text: string, by: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let begin = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')') depth--
    else if (depth === 0 && text.startsWith(by, at)) {
      parts.push(text.slice(begin, at))
      begin = at + by.length
    }
  }
  return [...parts, text.slice(begin)].map((part) => part.trim())
}
