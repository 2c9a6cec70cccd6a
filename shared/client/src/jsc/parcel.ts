/**
 * A value on its way across the bridge. JSON carries neither bytes nor big integers, and a secret in a text could not be
 * overwritten, so bytes go beside it: `{"$bytes": n}` stands for the n-th of them, `{"$bigint": "12"}` for 12n.
 */
export type Parcel = { readonly text: string; readonly bytes: readonly Uint8Array[] }

/** Plain data, bytes and bigints; members that are undefined stay behind. @throws {TypeError} for anything else */
export function pack(value: unknown): Parcel {
  const bytes: Uint8Array[] = []
  return { text: JSON.stringify(marked(value ?? null, bytes)), bytes }
}

/** @throws {SyntaxError|TypeError} for what {@link pack} does not write */
export function unpack({ text, bytes }: Parcel): unknown {
  return JSON.parse(text, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || !isMark(member)) return member
    const { $bytes, $bigint } = member as { readonly $bytes?: unknown; readonly $bigint?: unknown }
    if (typeof $bigint === 'string' && /^\d{1,78}$/.test($bigint)) return BigInt($bigint)
    const found = typeof $bytes === 'number' ? bytes[$bytes] : undefined
    if (found === undefined) throw new TypeError('a mark stands for nothing')
    return found
  })
}

function marked(value: unknown, bytes: Uint8Array[]): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() }
  if (value instanceof Uint8Array) return { $bytes: bytes.push(value) - 1 }
  if (Array.isArray(value)) return value.map((member) => marked(member, bytes))
  if (typeof value === 'function') throw new TypeError('a function does not cross the bridge')
  if (typeof value !== 'object' || value === null) return value
  if (isMark(value)) throw new TypeError('this data would be taken for bytes')
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([name, member]) => [name, marked(member, bytes)]))
}

const isMark = (value: object) => '$bytes' in value || '$bigint' in value
